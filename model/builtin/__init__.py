"""The models that come with Tintmill, those that a user has installed, and how one is put into its place."""
