package token

import (
	"crypto/hmac"
	"encoding/binary"
	"time"
)

// Proof returns the MAC that a node sends with its reports about a connection. It is
// valid only for these values, and never expires.
func (i *Issuer) Proof(user int64, name, device string, number int64, node string) []byte {
	return i.ProofUntil(time.Time{}, user, name, device, number, node)
}

// ProofUntil does what Proof does, for a proof that expires at the time end. If end is
// zero, it does not expire.
func (i *Issuer) ProofUntil(end time.Time, user int64, name, device string, number int64, node string) []byte {
	return (*i.keys.Load())[0].proofOf(endOf(end), user, name, device, number, node)
}

// endOf returns the end of a proof in the form that proofs have, in s since 1970. Zero
// means that there is no end.
func endOf(end time.Time) uint32 {
	if end.IsZero() {
		return 0
	}
	return uint32(end.Unix())
}

// A proof that expires begins with its end, which has endSize bytes. The rest is the MAC,
// which also covers the end.
const endSize = 4

// proofOf returns the MAC, or, if end is not zero, the end and a shorter MAC. The two
// MACs never have the same input, because each string in it has its length before it.
func (k *derived) proofOf(end uint32, user int64, name, device string, number int64, node string) []byte {
	var room [256]byte
	b := binary.BigEndian.AppendUint64(room[:0], uint64(user))
	b = binary.BigEndian.AppendUint64(b, uint64(number))
	for _, s := range []string{name, device, node} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	if end == 0 {
		return k.proof.mac(b)
	}
	b = binary.BigEndian.AppendUint32(b, end)
	return append(binary.BigEndian.AppendUint32(nil, end), k.proof.mac(b)[:ProofSize-endSize]...)
}

// CheckProof returns nil if Proof or ProofUntil made this proof for the same values with
// one of the keys. Otherwise it returns ErrInvalid. It does not check whether the proof
// has expired.
func (i *Issuer) CheckProof(proof []byte, user int64, name, device string, number int64, node string) error {
	_, err := i.ProofEnd(proof, user, name, device, number, node)
	return err
}

// ProofEnd returns when a proof ends; the zero Time means never. The error is that of
// CheckProof.
func (i *Issuer) ProofEnd(proof []byte, user int64, name, device string, number int64, node string) (time.Time, error) {
	if len(proof) != ProofSize {
		return time.Time{}, ErrInvalid
	}
	end := binary.BigEndian.Uint32(proof)
	for _, k := range *i.keys.Load() {
		if hmac.Equal(proof, k.proofOf(0, user, name, device, number, node)) {
			return time.Time{}, nil
		}
		if end != 0 && hmac.Equal(proof, k.proofOf(end, user, name, device, number, node)) {
			return time.Unix(int64(end), 0), nil
		}
	}
	return time.Time{}, ErrInvalid
}
