package accounts

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cim-go/cim/routefn/record/op"
)

// SetCredential replaces the credential of an account. The parameter acc is the account
// as the caller read it before. If the credential was changed since, the error is
// ErrChanged. Further errors are ErrNoUser, ErrUnavailable and ErrUnknown. After nil, as
// many replicas as Config.Replicas says have the new credential.
func (s *Accounts) SetCredential(ctx context.Context, acc Account, credential string) error {
	key := nameKey(acc.Name)
	values, errs := s.values(ctx, []string{key})
	if errs[0] != nil {
		return fmt.Errorf("set credential of %d: %w", acc.User, errs[0])
	}
	was, err := parse(acc.Name, values[0])
	if err != nil {
		return fmt.Errorf("set credential of %d: %w", acc.User, err)
	}
	if was != acc {
		return fmt.Errorf("set credential of %d: %w", acc.User, ErrChanged)
	}
	value, err := json.Marshal(storedAccount{User: acc.User, Credential: credential})
	if err != nil {
		return fmt.Errorf("set credential of %d: %w", acc.User, err)
	}
	o := &op.Op{Key: key, Script: credentialScript, Keys: []string{key}, Args: []any{values[0], value}, Write: true}
	s.db.Accept(ctx, "register", o)
	if o.Err != nil {
		return fmt.Errorf("set credential of %d: %w", acc.User, o.Err)
	}
	if op.Text(o.Reply[0]) != "ok" {
		return fmt.Errorf("set credential of %d: %w", acc.User, ErrChanged)
	}
	return nil
}
