package seed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/cim-go/cim/ring"
)

const (
	// Path is where a node serves Handler.
	Path = "/members"

	loadsHeader = "Cim-Loads"
	loadsMAC    = 16 // bytes
)

var errLoads = errors.New("loads have no valid MAC or a wrong length")

// encodeLoads returns the value of loadsHeader for the members of a view.
func encodeLoads(members []ring.Member, etag string, keys *ring.Keys) string {
	loads := make([]byte, len(members))
	for i, m := range members {
		loads[i] = byte(min(max(m.Load, 0), ring.MaxLoad))
	}
	var key []byte // if there is no cluster key, the MAC is only a checksum
	if derived := keys.Derive("loads"); len(derived) > 0 {
		key = derived[0]
	}
	return base64.StdEncoding.EncodeToString(append(macOf(loads, etag, key), loads...))
}

// withLoads returns members with the loads of a header's value. If the value is invalid,
// it returns them unchanged with errLoads.
func withLoads(members []ring.Member, value, etag string, keys *ring.Keys) ([]ring.Member, error) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(b) != loadsMAC+len(members) {
		return members, errLoads
	}
	mac, loads := b[:loadsMAC], b[loadsMAC:]
	derived := keys.Derive("loads")
	if len(derived) == 0 {
		derived = [][]byte{nil}
	}
	if !slices.ContainsFunc(derived, func(key []byte) bool { return hmac.Equal(mac, macOf(loads, etag, key)) }) {
		return members, errLoads
	}
	members = slices.Clone(members)
	for i := range members {
		members[i].Load = int(loads[i])
	}
	return members, nil
}

func macOf(loads []byte, etag string, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(etag)) // an ETag has a fixed length, so the input is unambiguous
	h.Write(loads)
	return h.Sum(nil)[:loadsMAC]
}
