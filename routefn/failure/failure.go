// Package failure maps errors to the codes that callers see.
package failure

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/invite"
	"github.com/cim-go/cim/routefn/record/reports"
)

// storeCodes has the code for each error of the store.
var storeCodes = []struct {
	err  error
	code proto.Code
}{
	{record.ErrUnknown, proto.Unknown},
	{record.ErrUnavailable, proto.Unavailable},
	{record.ErrNoUser, proto.UnknownUser},
	{record.ErrNoGroup, proto.UnknownGroup},
	{record.ErrNotMember, proto.NotMember},
	{record.ErrNotCreator, proto.NotCreator},
	{record.ErrForbidden, proto.Forbidden},
	{record.ErrTooManyOfficers, proto.TooMany},
	{record.ErrRemoved, proto.Removed},
	{record.ErrIDReused, proto.IDReused},
	{record.ErrForgotten, proto.TooOld},
	{record.ErrNameTaken, proto.NameTaken},
	{record.ErrSuperseded, proto.SessionUnknown},
	{record.ErrExpired, proto.TicketExpired},
	{record.ErrVoid, proto.Unauthorized},
	{record.ErrDisplacesOther, proto.Rejected},
	{record.ErrTooLate, proto.TooLate},
	{record.ErrNotScheduled, proto.NotScheduled},
	{record.ErrTooMany, proto.TooMany},
	{record.ErrLimited, proto.Limited},
	{record.ErrNewReceivers, proto.NewReceivers},
	{record.ErrInboxFull, proto.InboxFull},
	{record.ErrOwnInboxFull, proto.InboxFull},
	{record.ErrBlocked, proto.Blocked},
	{record.ErrContactsOnly, proto.ContactsOnly},
	{contacts.ErrNoRequest, proto.NoContact},
	{contacts.ErrNoContact, proto.NoContact},
	{contacts.ErrTooManyRelations, proto.TooMany},
	{invite.ErrUninvited, proto.NoInvitation},
	{reports.ErrNoMessage, proto.UnknownMessage},
	{reports.ErrNoReport, proto.UnknownReport},
	{reports.ErrDecided, proto.Decided},
	{reports.ErrFull, proto.TooMany},
	{reports.ErrTooMany, proto.TooMany},
	{record.ErrDiverged, proto.Diverged},
	{record.ErrInvalid, proto.Invalid},
	{context.Canceled, proto.Unavailable},
	{context.DeadlineExceeded, proto.Unavailable},
}

// tooMany has texts for errors whose code does not name the things of which there are too
// many.
var tooMany = map[error]string{
	contacts.ErrTooManyRelations: "One of you has too many contacts, requests or blocked users.",
	reports.ErrFull:              "Too many reports wait for moderators. Try again later.",
	reports.ErrTooMany:           "Too many of your reports wait for moderators. Try again later.",
}

// StoreState knows whether the store may have lost data a moment ago.
type StoreState interface {
	Certain() bool
}

// Codes translates errors. Its zero value is not usable; make it with New.
type Codes struct {
	store StoreState
	log   *slog.Logger
}

// New returns a Codes. log gets the errors that have no code.
func New(store StoreState, log *slog.Logger) *Codes { return &Codes{store, log} }

// Of returns the error that callers see in place of err. If err is a *proto.Error, Of
// returns err itself, with its text. Any other error gets a code and no text. An
// unexpected error is logged here, and gets the code Unavailable.
func (c *Codes) Of(err error) *proto.Error {
	if e, ok := errors.AsType[*proto.Error](err); ok {
		return e
	}
	for _, s := range storeCodes {
		if errors.Is(err, s.err) {
			e := proto.Err(s.code, "")
			switch s.code {
			case proto.UnknownUser, proto.UnknownGroup, proto.NotMember, proto.NotScheduled, proto.UnknownMessage, proto.UnknownReport:
				e = c.Absent(e)
			case proto.TooMany:
				e = proto.Err(s.code, tooMany[s.err])
			case proto.InboxFull:
				if s.err == record.ErrOwnInboxFull {
					e = proto.Err(s.code, "Your own inbox is full. Read what is in it before you write more.")
				}
			}
			return e
		}
	}
	c.log.Error("unexpected error", "err", err)
	return proto.Err(proto.Unavailable, "")
}

// Absent returns the error for a thing that does not exist. That is usually the parameter
// e. If the store may have lost the thing a moment ago, the error has the code
// Unavailable, so that the caller retries.
func (c *Codes) Absent(e *proto.Error) *proto.Error {
	if !c.store.Certain() {
		return proto.Err(proto.Unavailable, "The store has lost data, which are being restored.")
	}
	return e
}

// MayRetry reports whether the request that failed with err may succeed later.
func MayRetry(err error) bool {
	return errors.Is(err, record.ErrUnavailable) || errors.Is(err, record.ErrUnknown) || errors.Is(err, record.ErrLimited) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Panicked is the error in the answer if a use case panicked. Its code is Unknown,
// because something may have been stored before the panic.
var Panicked = proto.Err(proto.Unknown, "")

// Status returns the HTTP status of an error. Panicked has a status of its own, so that
// operators can distinguish a panic from a store that does not answer.
func Status(e *proto.Error) int {
	if e == Panicked {
		return http.StatusInternalServerError
	}
	return e.Code.HTTPStatus()
}
