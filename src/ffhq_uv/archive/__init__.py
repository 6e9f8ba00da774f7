"""The published layout of FFHQ-UV: safe reading (zip, folder, .pt, .npy, .json, .pkl, .png) and writing."""
