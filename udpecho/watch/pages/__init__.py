"""What a person sees: the grid of the mesh, a page for each peer and for the reflector."""
