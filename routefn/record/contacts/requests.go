package contacts

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/op"
)

// The relations of both users record that they are contacts. These relations are in
// different slots. Each change below takes a step in one slot and then a step in the
// other. If a process dies in between, a repetition of the request finishes the change.
// Nobody becomes a contact without having asked or accepted, because each step checks the
// state in its own slot.
//
//	slot of alice            slot of bob
//
//	1 ask      ────────────► 2 asked       alice asks: outgoing, incoming
//	2 accepted ◄──────────── 1 bob accepts; step 1 checks that alice still asks
//	             ──────────► 3 accept

// AskContact makes a user ask another one to be a contact, with a short text. If the other
// one asks the same already, the two become contacts. It returns the new state, as in
// Relation. The error is ErrBlocked, ErrTooManyRelations if one of the two has too many,
// ErrNoUser, ErrInvalid, ErrUnavailable or ErrUnknown. To repeat it is harmless.
func (s *Contacts) AskContact(ctx context.Context, user, other int64, text string) (state string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%d asks %d: %w", user, other, err)
		}
	}()
	_, err = s.relate(ctx, user, other, stepAsk, "")
	switch refused := new(refusedStep); {
	case errors.As(err, refused) && refused.state == proto.RelationContact:
		return refused.state, nil
	case errors.As(err, refused): // the other one asks already
		return proto.RelationContact, s.AcceptContact(ctx, user, other)
	case err != nil:
		return "", err
	}
	_, err = s.relate(ctx, other, user, stepAsked, text)
	switch refused := new(refusedStep); {
	case err == nil:
		return proto.RelationOutgoing, nil
	case errors.As(err, refused) && refused.state == proto.RelationOutgoing: // both ask at the same time
		return proto.RelationContact, s.acceptBoth(ctx, user, other)
	case errors.As(err, refused) && refused.state == proto.RelationContact: // a process died while it ended the contact
		return proto.RelationContact, s.acceptBoth(ctx, user, other)
	case errors.As(err, refused):
		err = ErrBlocked
	}
	if !errors.Is(err, op.ErrUnavailable) && !errors.Is(err, op.ErrUnknown) {
		_, undo := s.relate(ctx, user, other, stepWithdraw, "")
		err = errors.Join(err, undo)
	}
	return "", err
}

// acceptBoth makes two users contacts. Each of them asks the other, or has the contact
// already.
func (s *Contacts) acceptBoth(ctx context.Context, user, other int64) error {
	if _, err := s.relate(ctx, other, user, stepAccepted, ""); err != nil {
		return err
	}
	_, err := s.relate(ctx, user, other, stepAccepted, "")
	return err
}

// AcceptContact accepts the request of another user. The error is ErrNoRequest if there is
// none any more, ErrTooManyRelations, ErrNoUser, ErrInvalid, ErrUnavailable or ErrUnknown.
// To repeat it is harmless.
func (s *Contacts) AcceptContact(ctx context.Context, user, other int64) error {
	err := s.acceptContact(ctx, user, other)
	if errors.As(err, new(refusedStep)) {
		err = ErrNoRequest
	}
	if err != nil {
		return fmt.Errorf("%d accepts %d: %w", user, other, err)
	}
	return nil
}

func (s *Contacts) acceptContact(ctx context.Context, user, other int64) error {
	before, err := s.relate(ctx, user, other, stepPermit, "")
	if err != nil {
		return err
	}
	_, err = s.relate(ctx, other, user, stepAccepted, "")
	if errors.As(err, new(refusedStep)) { // the other one asks no longer
		_, undo := s.relate(ctx, user, other, stepWithdraw, "")
		return errors.Join(err, undo)
	}
	if err == nil && before != proto.RelationContact {
		_, err = s.relate(ctx, user, other, stepAccept, "")
	}
	return err
}

// EndContact ends the contact of two users, or a request between them, in the relations
// of both. A block stays. The error is ErrNoUser, ErrInvalid, ErrUnavailable or
// ErrUnknown. To repeat it is harmless.
func (s *Contacts) EndContact(ctx context.Context, user, other int64) error {
	if err := s.relateBoth(ctx, user, other, stepDrop); err != nil {
		return fmt.Errorf("%d ends contact with %d: %w", user, other, err)
	}
	return nil
}

// RemarkContact stores the user's own name for a contact. If the name is empty, it
// removes the stored one. The error is ErrNoContact, ErrNoUser, ErrInvalid,
// ErrUnavailable or ErrUnknown.
func (s *Contacts) RemarkContact(ctx context.Context, user, other int64, remark string) error {
	_, err := s.relate(ctx, user, other, stepRemark, remark)
	if errors.As(err, new(refusedStep)) {
		err = ErrNoContact
	}
	if err != nil {
		return fmt.Errorf("%d names %d: %w", user, other, err)
	}
	return nil
}

// DeclineContact ends a request between two users, in whichever direction. If the two are
// contacts already, nothing changes. The error is ErrNoUser, ErrInvalid, ErrUnavailable
// or ErrUnknown. To repeat it is harmless.
func (s *Contacts) DeclineContact(ctx context.Context, user, other int64) error {
	if err := s.relateBoth(ctx, user, other, stepWithdraw); err != nil {
		return fmt.Errorf("%d declines %d: %w", user, other, err)
	}
	return nil
}

// relateBoth takes a step in the slot of a user, and then in the slot of the other one,
// whose account may be gone.
func (s *Contacts) relateBoth(ctx context.Context, user, other int64, step string) error {
	if _, err := s.relate(ctx, user, other, step, ""); err != nil {
		return err
	}
	if _, err := s.relate(ctx, other, user, step, ""); err != nil && !errors.Is(err, accounts.ErrNoUser) {
		return err
	}
	return nil
}
