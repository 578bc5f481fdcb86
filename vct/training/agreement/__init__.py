"""Generated subjects against the phantoms that the model was trained on."""
