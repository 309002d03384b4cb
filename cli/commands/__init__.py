"""One module is one command of `./millwright`, or one group of them."""
