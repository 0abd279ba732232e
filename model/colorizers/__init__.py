"""What colours: a run or an exported model, and its identity."""
