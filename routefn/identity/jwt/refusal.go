package jwt

import (
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/failure"
)

// Reason says why a token was refused.
type Reason string

// The reasons.
const (
	TooLong       Reason = "too_long"
	Malformed     Reason = "malformed"   // it is no signed token, or has another algorithm
	UnknownKey    Reason = "unknown_key" // there is no key for its algorithm, or none with the id that it names
	WrongSign     Reason = "signature"   // another key signed it
	WrongIssuer   Reason = "issuer"      // another system made it
	WrongAudience Reason = "audience"    // it is for another system
	Expired       Reason = "expired"     // it has expired, or would never expire
	Early         Reason = "early"       // it is not valid yet
	WrongClaims   Reason = "claims"      // a claim is missing or wrong
	WrongName     Reason = "bad_name"    // an account cannot have its name
	WrongDevice   Reason = "device"      // it is not for the device of the login
	NameTaken     Reason = "name_taken"  // its name is another user's
	NoKeys        Reason = "no_keys"     // the keys could not be fetched, so the token may be valid
)

// refusals has the error for the caller for each reason.
var refusals = map[Reason]*proto.Error{
	TooLong:       proto.Err(proto.TooLarge, "The token is too long."),
	Malformed:     proto.Err(proto.Unauthorized, "The token is malformed."),
	UnknownKey:    proto.Err(proto.Unauthorized, "The key of the token is not known."),
	WrongSign:     proto.Err(proto.Unauthorized, "The signature of the token is wrong."),
	WrongIssuer:   proto.Err(proto.Unauthorized, "The token comes from another system."),
	WrongAudience: proto.Err(proto.Unauthorized, "The token is for another system."),
	Expired:       proto.Err(proto.Unauthorized, "The token has expired."),
	Early:         proto.Err(proto.Unauthorized, "The token is not valid yet."),
	WrongDevice:   proto.Err(proto.Unauthorized, "The token is for other devices."),
	NameTaken:     proto.Err(proto.NameTaken, ""),
	NoKeys:        proto.Err(proto.Unavailable, "The keys of the token cannot be fetched at the moment."),
}

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{
		TooLong, Malformed, UnknownKey, WrongSign, WrongIssuer, WrongAudience, Expired, Early, WrongClaims, WrongDevice, WrongName, NameTaken, NoKeys,
	}
}

// Refusal is the error for a token that is refused. It wraps a *proto.Error with a
// sentence for the caller.
type Refusal struct {
	Reason Reason
	err    error
}

// Error implements error.
func (r *Refusal) Error() string { return r.err.Error() }

// Unwrap returns the error for the caller.
func (r *Refusal) Unwrap() error { return r.err }

// Refuse returns the refusal for a reason, a *Refusal.
func Refuse(why Reason) error { return &Refusal{why, refusals[why]} }

// later returns the refusal of a token that may be valid. The parameter after is the time
// until its key may be known.
func later(after time.Duration) error {
	return &Refusal{NoKeys, &failure.Later{Refusal: refusals[NoKeys], After: after}}
}

// misses returns the refusal of a token with a claim that is missing or wrong.
func misses(sentence string) error {
	return &Refusal{WrongClaims, proto.Err(proto.Unauthorized, sentence)}
}

// RefuseName returns the refusal of a token with a name that no account can have. The
// parameter why is the reason for the caller.
func RefuseName(why error) error { return &Refusal{WrongName, why} }
