"""One file is one family of metrics; importing the file registers its kinds."""
