package ring

// golden is 2^64 divided by the golden ratio. Its multiples are spread evenly over the
// 64-bit numbers, as in SplitMix64 (Steele, Lea, Flood 2014).
const golden = 0x9e3779b97f4a7c15

// mix is SplitMix64's finalizer: a bijection in which every input bit flips every
// output bit with a probability of about one half. It must never change, because the
// rings of all processes and versions have to be equal.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashString is FNV-1a followed by mix, because FNV alone gives short strings similar
// high bits. It must never change either.
func hashString(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}
