"""Reading a dataset directory: records by number and id, and as other libraries take them. Without TensorFlow."""
