package jwt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cim-go/cim/routefn/role"
)

const (
	// MaxToken is how many bytes a token may have. One that is longer is not parsed.
	MaxToken = 16 << 10
	// Leeway is the largest allowed difference between the other system's clock and Config.Now.
	Leeway = 30 * time.Second
	// maxSubject bounds a subject as OpenID Connect does.
	maxSubject = 255
	// DevicesClaim is the claim with the devices that a token is for.
	DevicesClaim = "cim_devices"
	// RoleClaim is the claim with the user's role in the system.
	RoleClaim = "cim_role"
)

// A Source has keys. It is a *Fixed or a *Remote.
type Source interface {
	// find returns the keys that may have signed a token, at least one. The error is a
	// *Refusal, or that of ctx.
	find(ctx context.Context, n naming) ([]Key, error)
}

// Config configures a Verifier. Issuer, Audience and Keys are required.
type Config struct {
	Issuer   string // the claim iss, exactly
	Audience string // must be among the audiences in the claim aud
	Keys     Source
	Name     string           // claim with the name of a new account; default: sub
	Now      func() time.Time // default: time.Now
}

// Verifier verifies tokens. Make it with New; it is safe for concurrent use.
type Verifier struct{ cfg Config }

// New returns a Verifier.
func New(c Config) (*Verifier, error) {
	if c.Issuer == "" || c.Audience == "" || c.Keys == nil {
		return nil, errors.New("tokens need an issuer, an audience and keys")
	}
	c.Name = cmp.Or(c.Name, "sub")
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Verifier{c}, nil
}

// Bearer describes the user who bears a token.
type Bearer struct {
	Issuer  string
	Subject string   // the issuer's id of the user, which never changes
	Name    string   // name for the account that the first login makes; it may be any text
	Devices []string // the devices that may log in; nil: all

	HasRole bool // the token has RoleClaim
	Role    role.System
}

// Allows reports whether the token is for the device.
func (b Bearer) Allows(device string) bool {
	return b.Devices == nil || slices.Contains(b.Devices, device)
}

// Verify returns who bears a token. It blocks while keys are fetched, for some seconds at
// most. The error is a *Refusal, or that of ctx.
func (v *Verifier) Verify(ctx context.Context, token string) (Bearer, error) {
	if len(token) > MaxToken {
		return Bearer{}, Refuse(TooLong)
	}
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(t.Headers) != 1 {
		return Bearer{}, Refuse(Malformed)
	}
	keys, err := v.cfg.Keys.find(ctx, naming{jose.SignatureAlgorithm(t.Headers[0].Algorithm), t.Headers[0].KeyID})
	if err != nil {
		return Bearer{}, err
	}
	var claims jwt.Claims
	var all map[string]json.RawMessage
	if !signed(t, keys) {
		return Bearer{}, Refuse(WrongSign)
	}
	if err := t.UnsafeClaimsWithoutVerification(&claims, &all); err != nil { // the signature was verified above
		return Bearer{}, Refuse(Malformed)
	}
	if err := v.judge(claims); err != nil {
		return Bearer{}, err
	}
	return v.bearer(claims, all)
}

// signed reports whether one of the keys signed the token.
func signed(t *jwt.JSONWebToken, keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return t.Claims(k.value) == nil })
}

// judge checks that the token is valid now and for this cluster.
func (v *Verifier) judge(c jwt.Claims) error {
	err := c.ValidateWithLeeway(jwt.Expected{
		Issuer: v.cfg.Issuer, AnyAudience: jwt.Audience{v.cfg.Audience}, Time: v.cfg.Now(),
	}, Leeway)
	switch {
	case err == nil && c.Expiry == nil, errors.Is(err, jwt.ErrExpired):
		return Refuse(Expired)
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return Refuse(WrongIssuer)
	case errors.Is(err, jwt.ErrInvalidAudience):
		return Refuse(WrongAudience)
	default: // before nbf or iat
		return Refuse(Early)
	}
}

// bearer reads the claims about the user.
func (v *Verifier) bearer(c jwt.Claims, all map[string]json.RawMessage) (Bearer, error) {
	b := Bearer{Issuer: c.Issuer, Subject: c.Subject}
	if c.Subject == "" || len(c.Subject) > maxSubject {
		return Bearer{}, misses("The token needs a claim sub of 1 to 255 bytes.")
	}
	if json.Unmarshal(all[v.cfg.Name], &b.Name) != nil || b.Name == "" {
		return Bearer{}, misses("The token needs a claim " + v.cfg.Name + " with a name.")
	}
	if word, there := all[RoleClaim]; there {
		var name string
		_ = json.Unmarshal(word, &name) // no role has the empty name
		if b.Role, b.HasRole = role.ParseSystem(name); !b.HasRole {
			return Bearer{}, misses("The claim " + RoleClaim + " is user, moderator or operator.")
		}
	}
	devices, there := all[DevicesClaim]
	if !there {
		return b, nil
	}
	if json.Unmarshal(devices, &b.Devices) != nil || b.Devices == nil {
		return Bearer{}, misses("The claim " + DevicesClaim + " is a list of devices.")
	}
	return b, nil
}
