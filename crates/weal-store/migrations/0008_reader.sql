-- What a reader may see of a product is one step in this index; others lead to everything that the reader may see.
CREATE INDEX shown_reader ON shown (audience, product, until_ms);
