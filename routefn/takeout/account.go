package takeout

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/invite"
	"github.com/cim-go/cim/routefn/role"
)

const (
	contactsAtOnce = 500
	reportsAtOnce  = 20 // each report may have a text of the largest size, like a delayed message
	delayedAtOnce  = 20
)

// account writes the account and its devices. It also writes which users may write to the
// user, add the user to groups, and find the user (see format.Consent).
func (w *writer) account(ctx context.Context) error {
	account, err := w.Store.AccountByID(ctx, w.User)
	if err != nil {
		return err
	}
	has, err := w.Store.SystemRole(ctx, w.User)
	if err != nil {
		return err
	}
	devices, err := w.Store.Logins(ctx, w.User, token.TokenLife)
	if err != nil && !errors.Is(err, record.ErrNoUser) { // the user never logged in
		return err
	}
	consent, err := w.Store.Consent(ctx, w.User)
	if err != nil {
		return err
	}
	line := format.Account{Kind: format.KindAccount, User: account.User, Name: account.Name}
	if has != role.User {
		line.Role = has.String()
	}
	if w.Credentials {
		line.Credential = account.Credential
	}
	w.must(format.KindAccount, line)
	for _, d := range devices {
		w.must(format.KindDevice, format.Device{Kind: format.KindDevice, User: w.User, DeviceSession: proto.DeviceSession{
			Device: d.Device, Connected: d.Connected, Since: d.Since, Login: d.Number, Network: d.Network,
		}})
	}
	if consent != (contacts.Consent{}) {
		said := proto.Consent{Write: consent.Write, Add: consent.Add, Find: consent.Find}
		w.must(format.KindConsent, format.Consent{Kind: format.KindConsent, User: w.User, Consent: said})
	}
	w.next()
	return nil
}

// contacts writes contacts, requests and blocked users, by ascending id.
func (w *writer) contacts(ctx context.Context) error {
	list, err := w.Store.Relations(ctx, w.User)
	if err != nil {
		return err
	}
	for len(list) > 0 && list[0].User <= w.After {
		list = list[1:]
	}
	more := len(list) > contactsAtOnce
	list = list[:min(len(list), contactsAtOnce)]
	users := make([]int64, len(list))
	for i, x := range list {
		users[i] = x.User
	}
	accounts, errs := w.Store.AccountsByID(ctx, users)
	for i, x := range list {
		if errs[i] != nil && !errors.Is(errs[i], record.ErrNoUser) {
			return errs[i]
		}
		line := format.Contact{
			Kind: format.KindContact, User: w.User, With: x.User, Name: accounts[i].Name,
			State: x.State, Since: x.Since, Blocked: x.Blocked, Remark: x.Remark, Text: x.Text,
		}
		if !w.write(format.KindContact, line) {
			return nil
		}
		w.After = x.User
	}
	if !more {
		w.next()
	}
	return nil
}

// invitations writes the invitations to groups, by ascending group.
func (w *writer) invitations(ctx context.Context) error {
	list, err := w.Store.Invitations(ctx, w.User)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b invite.Invitation) int { return cmp.Compare(a.Group, b.Group) })
	for _, in := range list {
		line := format.Invitation{Kind: format.KindInvitation, User: w.User, Group: in.Group, Name: in.Name, By: in.By, Since: in.Since}
		if in.Group <= w.After {
			continue
		}
		if !w.write(format.KindInvitation, line) {
			return nil
		}
		w.After = in.Group
	}
	w.next()
	return nil
}

// reports writes the open reports that the user has filed.
func (w *writer) reports(ctx context.Context) error {
	list, next, err := w.Store.Reports().Of(ctx, w.User, w.After, reportsAtOnce)
	if err != nil {
		return err
	}
	for _, one := range list {
		m, s := one.Message, one.Statements[0]
		line := format.Report{Kind: format.KindReport, User: w.User, Reason: s.Reason, Note: s.Note, Time: s.Time, Message: proto.ReportedMessage{
			ID: m.ID, From: m.From, FromName: m.FromName, To: m.To, Group: m.Group, Text: m.Text, Time: m.Time,
		}}
		if !w.write(format.KindReport, line) {
			return nil
		}
		w.After = one.Number
	}
	if w.After = next; next == 0 {
		w.next()
	}
	return nil
}

// delayed writes the messages that were not sent yet.
func (w *writer) delayed(ctx context.Context) error {
	list, next, err := w.Store.Scheduled(ctx, w.User, record.ScheduledAt{Due: w.After, ID: w.ID}, delayedAtOnce)
	if err != nil {
		return err
	}
	for _, d := range list {
		line := format.Delayed{Kind: format.KindDelayed, User: w.User, Scheduled: proto.Scheduled{
			ID: d.ID, State: d.State, Due: d.Due, To: d.To, Group: d.Group, Text: d.Text,
		}}
		if !w.write(format.KindDelayed, line) {
			return nil
		}
		w.After, w.ID = d.Due, d.ID
	}
	if w.After, w.ID = next.Due, next.ID; next == (record.ScheduledAt{}) {
		w.next()
	}
	return nil
}
