"""From a plan to committed shards: plan, build, count, report, publish."""
