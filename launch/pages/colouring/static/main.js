// The page: each module is a part of it, which shows itself when the state changes.

import "./strip.js";
import "./stage.js";
import "./pointer.js";
import "./markers.js";
import "./palette.js";
import "./adjust.js";
import "./variants.js";
import "./adding.js";
import "./saving.js";
import "./keys.js";
import { render } from "./state.js";

render();
