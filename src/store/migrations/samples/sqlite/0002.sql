-- An example with an attribute, and an error whose origin is known.
INSERT INTO sample (fingerprint, body, occurred, trace_id, attributes) VALUES
    ('02020202020202020202020202020202', 'refund of 7 failed', 1500, '', '{"order.id":"A7"}');
UPDATE cluster SET vcs_ref_name = 'main', service_namespace = 'shop', language = 'python'
    WHERE fingerprint = '01010101010101010101010101010101';
