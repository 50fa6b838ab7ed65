"""HTTP/2 with the clients of the forward proxy. Imported once one of them chooses it: few do, and h2 takes 2 MB."""
