package token

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
)

// The lifetimes of an access token and of the refresh token beside it. A client must get
// a new access token before the old one expires. Each use of a refresh token replaces it
// by its successor.
const (
	AccessLife  = 10 * time.Minute
	RefreshLife = 30 * 24 * time.Hour
)

// Refresh is a refresh token. With it, one device gets its next access token, once. Its
// time is exact to milliseconds. The store knows which generation comes next, so it
// notices a token that was replaced.
type Refresh struct {
	User       int64
	Name       string
	Device     string
	Number     int64     // number of the login with which its chain of tokens began
	Generation int64     // 1 for the token of the login
	ID         uint64    // the ID of its predecessor, unless that has another successor already; see NewID
	Expires    time.Time // by the store's clock
}

// NewID returns a random Refresh.ID.
func NewID() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// Refresh returns r as text, with its MAC. The only error is a name that is not UTF-8.
func (i *Issuer) Refresh(r Refresh) (string, error) {
	body, err := proto.Marshal(&RefreshBody{
		User: r.User, Name: r.Name, Device: r.Device, Number: r.Number, Generation: r.Generation, Id: r.ID, Expires: r.Expires.UnixMilli(),
	})
	if err != nil {
		return "", fmt.Errorf("encode refresh token: %w", err)
	}
	return text(append(body, (*i.keys.Load())[0].refresh.mac(body)...)), nil
}

// VerifyRefresh returns the refresh token's fields, or ErrInvalid or ErrUnknownKey. The
// store checks whether the token was replaced or has expired, and whether its session
// has ended.
func (i *Issuer) VerifyRefresh(s string) (Refresh, error) {
	b, err := bytesOf(s)
	if err != nil || len(b) < macSize {
		return Refresh{}, ErrInvalid
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	good := slices.ContainsFunc(*i.keys.Load(), func(k *derived) bool { return hmac.Equal(mac, k.refresh.mac(body)) })
	var r RefreshBody
	switch err := proto.Unmarshal(body, &r); {
	case err != nil, !good && (r.User <= 0 || r.Device == "" || r.Generation <= 0):
		return Refresh{}, ErrInvalid
	case !good:
		return Refresh{}, ErrUnknownKey
	}
	return Refresh{
		User: r.User, Name: r.Name, Device: r.Device, Number: r.Number, Generation: r.Generation, ID: r.Id, Expires: time.UnixMilli(r.Expires),
	}, nil
}
