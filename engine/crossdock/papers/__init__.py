"""Labels, packing slips, pickup slips and pick lists: values in, PDF or ZPL out."""
