"""What every room stands on: errors, commands, help, files by path or URL, TensorFlow without chatter."""
