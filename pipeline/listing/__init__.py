"""What a folder or an archive holds, listed as references, and a reference's bytes."""
