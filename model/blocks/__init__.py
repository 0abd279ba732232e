"""What networks are built of: specification, layers, encoders, heads; the critic; the cost of a pass."""
