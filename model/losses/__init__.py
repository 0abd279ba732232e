"""What training minimises: settings, losses of pixels, of bins, of feature networks."""
