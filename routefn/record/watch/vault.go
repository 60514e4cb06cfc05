package watch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cim-go/cim/routefn/keyseal"
	"github.com/cim-go/cim/routefn/record/op"
)

// The forms in which the store keeps route keys, see key.lua.
const (
	formPlain  = "plain"
	formSealed = "sealed"
)

// formTries is how many times one look asks the store. It must do so again if another
// route has meanwhile changed the form of the keys or added a key.
const formTries = 4

// vault says how a Watch keeps route keys in the store. The zero vault keeps them plain.
type vault struct {
	seal *keyseal.Seal // nil: keys cannot be sealed
	stay bool          // plain keys stay plain
	log  *slog.Logger  // nil without seal

	mu      sync.Mutex
	sealed  bool   // the form at the latest look
	looked  bool   // sealed is known
	under   string // the value of keyseal.Seal.First under which all boxes were last sealed
	strange bool   // the log already says that a box could not be opened
}

// Sealed returns a Watch of the store of db, which keeps the route key sealed and has not
// looked yet. Its first look seals keys that are in the clear. If stay is set, they stay
// in the clear, for routes of an earlier version, which do not know sealed keys.
func Sealed(db *op.DB, seal *keyseal.Seal, stay bool, log *slog.Logger) *Watch {
	return &Watch{db: db, keyed: true, vault: vault{seal: seal, stay: stay, log: log}}
}

// Sealed reports whether the route key was sealed at the latest look.
func (w *Watch) Sealed() bool {
	w.vault.mu.Lock()
	defer w.vault.mu.Unlock()
	return w.vault.sealed
}

// form returns the form in which the next look expects the keys.
func (w *Watch) form() string {
	w.vault.mu.Lock()
	defer w.vault.mu.Unlock()
	switch {
	case !w.keyed:
		return ""
	case w.vault.seal == nil, !w.vault.looked && w.vault.stay, w.vault.looked && !w.vault.sealed:
		return formPlain
	}
	return formSealed
}

func (w *Watch) setForm(sealed bool) {
	w.vault.mu.Lock()
	defer w.vault.mu.Unlock()
	w.vault.sealed, w.vault.looked = sealed, true
}

// ask runs key.lua, together with the ops in the parameter ops, and returns its answer.
// The parameter lost says whether the caller has found a loss. If the keys have another
// form than expected, ask seals them, or continues in that form.
func (w *Watch) ask(ctx context.Context, lost bool, ops ...*op.Op) (*op.Op, error) {
	for range formTries {
		form := w.form()
		answer := w.keyOp(form, lost)
		w.db.Run(ctx, "key", append(ops, answer)...)
		if answer.Err != nil {
			return nil, answer.Err
		}
		switch op.Text(answer.Reply[0]) {
		case "ok":
			w.setForm(form == formSealed)
			return answer, nil
		case formSealed:
			if w.vault.seal == nil {
				return nil, fmt.Errorf("%s: %w", routeKey, keyseal.ErrNoKey)
			}
			w.setForm(true)
		case formPlain:
			if err := w.foundPlain(ctx, answer.Reply[1:]); err != nil {
				return nil, err
			}
		}
		ops = nil
	}
	return nil, fmt.Errorf("%s: other routes change its form: %w", routeKey, op.ErrUnavailable)
}

func (w *Watch) keyOp(form string, lost bool) *op.Op {
	args := []any{lost, form}
	if w.keyed {
		used := w.RouteKeys()
		first := make([]byte, routeKeyBytes)
		rand.Read(first) // never fails, see crypto/rand
		if len(used) > 0 {
			first = used[0]
		}
		args = w.appendKey(args, form, first)
		for _, key := range used {
			args = w.appendKey(args, form, key)
		}
	}
	return &op.Op{Key: routeKey, Script: keyScript, Keys: []string{routeKey, knownKeys}, Args: args, Write: true}
}

// appendKey appends the name and the box of a route key.
func (w *Watch) appendKey(args []any, form string, key []byte) []any {
	if form == formPlain {
		return append(args, hex.EncodeToString(key), "")
	}
	name, box := w.vault.seal.Close(key)
	return append(args, name, box)
}

// foundPlain handles the plain keys that a look at the store found. plain[0] is the
// current key, or empty if there is none. foundPlain seals all keys, unless this Watch
// leaves keys plain.
func (w *Watch) foundPlain(ctx context.Context, plain []any) error {
	current := op.Text(plain[0])
	if w.vault.stay && current != "" {
		w.setForm(false)
		return nil
	}
	args := []any{current}
	for _, p := range plain {
		text := op.Text(p)
		if text == "" {
			continue
		}
		key, err := decodeKey(text)
		if err != nil {
			return err
		}
		name, box := w.vault.seal.Close(key)
		args = append(args, text, name, box)
	}
	sealed, err := w.runSeal(ctx, args)
	if err == nil && sealed {
		w.vault.log.Info("the route key in the store was sealed in place", "keys", len(args)/3)
	}
	return err // if another route was faster, the next try finds that out
}

// runSeal runs seal.lua, and returns false if it changed nothing.
func (w *Watch) runSeal(ctx context.Context, args []any) (bool, error) {
	o := &op.Op{Key: routeKey, Script: sealScript, Keys: []string{routeKey, knownKeys}, Args: args, Write: true}
	w.db.Run(ctx, "key", o)
	return o.Err == nil && op.Text(o.Reply[1]) == "1", o.Err
}

// open returns the keys in an answer of key.lua, in hexadecimal, the current one first.
// If the sealing key has changed since the latest look, it seals them again.
func (w *Watch) open(ctx context.Context, o *op.Op) (keys []string, err error) {
	if !w.keyed {
		return nil, nil
	}
	names, boxes := []string{op.Text(o.Reply[1])}, []string{op.Text(o.Reply[6])}
	for rest := o.Reply[7:]; len(rest) >= 2; rest = rest[2:] {
		names, boxes = append(names, op.Text(rest[0])), append(boxes, op.Text(rest[1]))
	}
	if !w.Sealed() {
		for _, name := range names {
			if _, err := decodeKey(name); err == nil {
				keys = append(keys, name)
			} else if len(keys) == 0 {
				return nil, err
			}
		}
		return keys, nil
	}
	var stale []any
	for i, name := range names {
		key, first, err := w.vault.seal.Open(name, boxes[i])
		if own := w.known(name); err != nil && own != nil {
			key, first, err = own, false, nil
		}
		switch {
		case err != nil && i == 0:
			return nil, fmt.Errorf("%s: %w", routeKey, err)
		case err != nil:
			w.tellStrange(err)
			continue
		case !first:
			name, box := w.vault.seal.Close(key)
			stale = append(stale, "", name, box)
		}
		keys = append(keys, hex.EncodeToString(key))
	}
	w.again(ctx, stale)
	return keys, nil
}

// known returns the route key with this name if this process has used it, or nil.
func (w *Watch) known(name string) []byte {
	for _, key := range w.RouteKeys() {
		if keyseal.Name(key) == name {
			return key
		}
	}
	return nil
}

// The method again seals the keys anew if the sealing key has changed. A failure does no
// harm, because the next look tries again. If the sealing key has not changed, boxes
// under other sealing keys stay as they are. They come from routes whose sealing keys are
// changed before or after that of this route.
func (w *Watch) again(ctx context.Context, stale []any) {
	first := w.vault.seal.First()
	w.vault.mu.Lock()
	changed := w.vault.under != first
	w.vault.mu.Unlock()
	if !changed {
		return
	}
	if len(stale) > 0 {
		sealed, err := w.runSeal(ctx, append([]any{""}, stale...))
		if err != nil || !sealed {
			return
		}
		w.vault.log.Info("the route key in the store was sealed again, under another cluster key", "keys", len(stale)/3)
	}
	w.vault.mu.Lock()
	defer w.vault.mu.Unlock()
	w.vault.under = first
}

// tellStrange logs once that the store has an earlier route key that cannot be opened.
func (w *Watch) tellStrange(err error) {
	w.vault.mu.Lock()
	told := w.vault.strange
	w.vault.strange = true
	w.vault.mu.Unlock()
	if !told {
		w.vault.log.Warn("an earlier route key in the store cannot be opened: what it signed is not accepted", "err", err)
	}
}

// errNoKey means that the store has something else where the route key should be.
var errNoKey = errors.New(routeKey + " does not hold a key")

// decodeKey returns a plain key.
func decodeKey(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != routeKeyBytes {
		return nil, errNoKey
	}
	return b, nil
}
