package contact

import (
	"cmp"
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
)

// Consent is GET /v1/consent. It returns who may write to the caller, add the caller to
// groups, and find the caller.
func (r *Requests) Consent(ctx context.Context, caller token.Token, _ url.Values) (proto.Consent, error) {
	c, err := r.Store.Consent(ctx, caller.User)
	return r.answer(c), err
}

// SetConsent is POST /v1/consent. It changes who may write to the caller, add the
// caller to groups, and find the caller.
func (r *Requests) SetConsent(ctx context.Context, caller token.Token, q proto.Consent) (proto.Consent, error) {
	for _, word := range []string{q.Write, q.Find} {
		if word != "" && word != proto.ByEveryone && word != proto.ByContacts {
			return proto.Consent{}, check.Invalid("Those who may write to you or find you are everyone or contacts.")
		}
	}
	switch q.Add {
	case "", proto.ByEveryone, proto.ByContacts, proto.ByNobody:
	default:
		return proto.Consent{}, check.Invalid("Those who may add you to groups are everyone, contacts or nobody.")
	}
	if err := r.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return proto.Consent{}, err
	}
	c, err := r.Store.SetConsent(ctx, caller.User, contacts.Consent{Write: q.Write, Add: q.Add, Find: q.Find})
	return r.answer(c), err
}

// answer returns the user's settings, with the default for each setting that the user has
// not chosen.
func (r *Requests) answer(c contacts.Consent) proto.Consent {
	rules := r.Store.Rules()
	return proto.Consent{
		Write: cmp.Or(c.Write, proto.ByEveryone), Add: cmp.Or(c.Add, rules.Adders()), Find: cmp.Or(c.Find, rules.Finders()),
	}
}
