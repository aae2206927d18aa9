package sparekey

// ThroughCache returns an identity as it comes back from the cache, if the cache can hold it.
func ThroughCache(id Identity) (Identity, bool) {
	record, ok := encodeIdentity(id)
	if !ok {
		return Identity{}, false
	}
	var decoded Identity
	decodeIdentity(record, &decoded)
	return decoded, true
}
