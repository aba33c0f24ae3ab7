"""What happens: each module tells one thing the product does from end to end, in the terms of the ports; `cmo.oracle` tells the first."""
