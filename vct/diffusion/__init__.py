"""The mathematics of diffusion, ignorant of medicine: EDM and a token U-Net."""
