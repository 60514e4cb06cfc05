package cimsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/scan"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/transfer"
)

// Source reads the Redis of CIM's own routes. It is safe for concurrent use. Its calls
// block and fail like those of a record.Store.
type Source struct{ db *op.DB }

const (
	accounts  = "cim-account:"
	waiting   = "offline:msg:user:"
	messages  = "offline:msg:"
	epoch     = 1622505600000 // ms since 1970, from which CIM's message ids count
	timeShift = 22            // the lowest bits of a message id, which do not belong to its time
)

// Dial connects to the Redis of CIM. The parameter url has the form of record.Config.URL.
// If password is not empty, it replaces the one in url. The caller closes the Source.
func Dial(ctx context.Context, url, password string) (*Source, error) {
	db, err := op.Open(op.Config{Config: servers.Config{URL: url, Password: password}})
	if err != nil {
		return nil, err
	}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Source{db}, nil
}

// Close closes all connections.
func (s *Source) Close() error { return s.db.Close() }

// Users returns the ids of all accounts in ascending order.
func (s *Source) Users(ctx context.Context) ([]int64, error) { return s.ids(ctx, accounts) }

// Receivers returns the ids of users for whom messages wait, in ascending order.
func (s *Source) Receivers(ctx context.Context) ([]int64, error) { return s.ids(ctx, waiting) }

func (s *Source) ids(ctx context.Context, prefix string) ([]int64, error) {
	return scan.IDs(ctx, s.db.Topology, prefix, "")
}

// Account is an account of CIM. If it has no name, it does not exist.
type Account struct {
	record.Account
	Owner int64 // the user whom CIM finds by the name; zero: none
}

// Accounts returns the accounts of the given users, in the same order.
func (s *Source) Accounts(ctx context.Context, users []int64) ([]Account, error) {
	keys := make([]string, len(users))
	for i, user := range users {
		keys[i] = accounts + strconv.FormatInt(user, 10)
	}
	names, err := s.values(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("accounts of CIM: %w", err)
	}
	var named []string
	for _, name := range names {
		if name != "" {
			named = append(named, name)
		}
	}
	owners, err := s.values(ctx, named)
	if err != nil {
		return nil, fmt.Errorf("names of CIM: %w", err)
	}
	list := make([]Account, len(users))
	for i, name := range names {
		list[i].User = users[i]
		if name != "" {
			list[i].Name = name
			list[i].Owner, _ = scan.ID(owners[0], accounts, "")
			owners = owners[1:]
		}
	}
	return list, nil
}

// values reads string keys. For a key that does not exist, or holds no string, it
// returns an empty string.
func (s *Source) values(ctx context.Context, keys []string) ([]string, error) {
	values := make([]string, 0, len(keys))
	for chunk := range slices.Chunk(keys, op.MaxPipeline) {
		ops := make([]*op.Op, len(chunk))
		for i, key := range chunk {
			ops[i] = op.Read(key, []any{"get", key})
		}
		s.db.Run(ctx, "account", ops...)
		for _, o := range ops {
			switch {
			case o.Err == nil:
				values = append(values, op.Text(o.Reply[0]))
			case wrongType(o.Err):
				values = append(values, "")
			default:
				return nil, o.Err
			}
		}
	}
	return values, nil
}

// wrongType reports whether err is the server's answer that a key has another type.
func wrongType(err error) bool {
	return servers.Answered(err) && strings.Contains(err.Error(), "WRONGTYPE ")
}

// Waiting returns the ids of the messages that wait for each user. In each user's list,
// it begins at the index in the parameter from. For each user, it returns at most as many
// ids as limit says. Meanwhile CIM may remove delivered messages from the beginning of a
// list.
func (s *Source) Waiting(ctx context.Context, users []int64, from, limit int) ([][]string, error) {
	lists := make([][]string, 0, len(users))
	for chunk := range slices.Chunk(users, op.MaxPipeline) {
		ops := make([]*op.Op, len(chunk))
		for i, user := range chunk {
			key := waiting + strconv.FormatInt(user, 10)
			ops[i] = op.Read(key, []any{"lrange", key, from, from + limit - 1})
		}
		s.db.Run(ctx, "pull", ops...)
		for i, o := range ops {
			if o.Err != nil && !wrongType(o.Err) {
				return nil, fmt.Errorf("messages of CIM for %d: %w", chunk[i], o.Err)
			}
			var ids []string
			if o.Err == nil {
				page, _ := o.Reply[0].([]any)
				for _, id := range page {
					ids = append(ids, op.Text(id))
				}
			}
			lists = append(lists, ids)
		}
	}
	return lists, nil
}

var (
	// ErrGone means that a message has expired in CIM, or was delivered there
	// meanwhile.
	ErrGone = errors.New("CIM does not have it any more: it has expired there, or was delivered")
	// ErrUnreadable means that a message cannot be decoded. So it cannot be imported.
	ErrUnreadable = errors.New("it cannot be read")
)

// Message is a message that waits in CIM. If it cannot be read, Err is ErrGone or
// ErrUnreadable. Time is computed from the message's id in CIM.
type Message struct {
	Err error
	transfer.Message
}

// Messages returns the messages with the given ids in CIM. The ID of a Message is
// computed from the id in CIM, so it is the same in every call.
func (s *Source) Messages(ctx context.Context, ids []string) ([]Message, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = messages + id
	}
	values, err := s.values(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("messages of CIM: %w", err)
	}
	list := make([]Message, len(ids))
	for i, value := range values {
		if list[i].Err = ErrGone; value != "" {
			list[i].Message, list[i].Err = parseMessage(ids[i], value)
		}
	}
	return list, nil
}

// parseMessage parses a message as CIM stores it. CIM's serializer puts the JSON
// into a JSON string.
func parseMessage(id, value string) (m transfer.Message, err error) {
	if strings.HasPrefix(value, `"`) {
		if err := json.Unmarshal([]byte(value), &value); err != nil {
			return m, fmt.Errorf("%w: it is no JSON", ErrUnreadable)
		}
	}
	var had struct {
		Receiver   int64             `json:"receiveUserId"`
		Content    *string           `json:"content"`
		Created    json.RawMessage   `json:"createdAt"`
		Properties map[string]string `json:"properties"`
	}
	if err := json.Unmarshal([]byte(value), &had); err != nil {
		return m, fmt.Errorf("%w: it is no JSON of a message", ErrUnreadable)
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil || number <= 0 {
		return m, fmt.Errorf("%w: its id is %.32q", ErrUnreadable, id)
	}
	from, err := strconv.ParseInt(had.Properties["sendUserId"], 10, 64)
	if err != nil || from <= 0 || from > proto.MaxUser {
		return m, fmt.Errorf("%w: its sender is %.32q", ErrUnreadable, had.Properties["sendUserId"])
	}
	if had.Content == nil || *had.Content == "" {
		return m, fmt.Errorf("%w: it has no text", ErrUnreadable)
	}
	if !utf8.ValidString(value) {
		return m, fmt.Errorf("%w: its text is not UTF-8", ErrUnreadable)
	}
	return transfer.Message{
		From: from, FromName: had.Properties["sendUserName"], ID: "cim-" + strconv.FormatInt(number, 10),
		To: had.Receiver, Text: *had.Content, Time: timeOf(number, had.Created),
	}, nil
}

// timeOf returns when a message was stored in CIM, in ms since 1970. It takes the time
// from the message's id. If the id has none, it takes the time in the field created,
// which has no time zone. It returns 0 if that fails, too.
func timeOf(id int64, created json.RawMessage) int64 {
	if ms := id>>timeShift + epoch; id>>timeShift > 0 && ms < time.Now().Add(24*time.Hour).UnixMilli() {
		return ms
	}
	var written string
	if err := json.Unmarshal(created, &written); err == nil {
		if t, err := time.Parse("2006-01-02T15:04:05.999999999", written); err == nil {
			return t.UnixMilli()
		}
	}
	return 0
}
