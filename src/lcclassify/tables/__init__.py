"""Tables of any format as rows of whole objects, with the places of what is wrong in them."""
