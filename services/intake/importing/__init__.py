"""Reading the tables that people download: the postcode directory, the register of schools, the gender pay gap table.

Parsing only: rows in, submissions and a count of what was left out. Columns with people's names are never read.
"""
