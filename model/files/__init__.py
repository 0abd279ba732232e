"""A picture's or video's file in, the coloured one's bytes out."""
