package proto

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestPulledMessagesAreAppendedAsJSON(t *testing.T) {
	number := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
	position := rapid.Custom(func(r *rapid.T) Position {
		return Position{
			number.Draw(r, "log"), Epoch(rapid.Uint64().Draw(r, "epoch")), number.Draw(r, "number"), rapid.StringN(0, 20, -1).Draw(r, "key"),
		}
	})
	message := rapid.Custom(func(r *rapid.T) Message {
		text := rapid.OneOf(rapid.StringN(0, 40, -1), rapid.StringMatching(`[ -~]{0,40}`))
		return Message{
			ID: text.Draw(r, "id"), From: number.Draw(r, "from"), FromName: text.Draw(r, "fromName"), To: number.Draw(r, "to"),
			Group: number.Draw(r, "group"), Text: text.Draw(r, "text"), Time: number.Draw(r, "time"),
			Kind: Kind(rapid.Int32().Draw(r, "kind")), By: number.Draw(r, "by"), At: position.Draw(r, "at"),
			Prev: text.Draw(r, "prev"), Confirm: rapid.Bool().Draw(r, "confirm"),
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		p := PulledMessages{
			Epoch: Epoch(rapid.Uint64().Draw(r, "epoch")), Oldest: number.Draw(r, "oldest"), Newest: position.Draw(r, "newest"),
			Messages: rapid.SliceOfN(message, 0, 3).Draw(r, "messages"), Through: position.Draw(r, "through"),
		}
		want, err := json.Marshal(p)
		if err != nil {
			r.Fatal(err)
		}
		if got := string(p.AppendJSON(nil)); got != string(want) {
			r.Errorf("%s, want %s", got, want)
		}
	})
}
