"""Networks, in torch alone: nothing here reads a file, prints or knows of a device."""
