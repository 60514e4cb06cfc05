package record

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
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
)

// CIM reads the Redis of CIM's own routes, and writes nothing. Their keys are
//
//	cim-account:USER        the name
//	NAME                    "cim-account:USER"
//	offline:msg:user:USER   list: ids of the messages that wait for the user, oldest first
//	offline:msg:ID          the message, JSON, mostly within a JSON string; days to live
//
// The keys cim-route:USER and login-status, about present connections, are not read. A
// CIM is safe for concurrent use, and blocks as a Store does.
type CIM struct{ store *Store }

const (
	cimAccounts  = "cim-account:"
	cimWaiting   = "offline:msg:user:"
	cimMessages  = "offline:msg:"
	cimEpoch     = 1622505600000 // ms since 1970, from which CIM's message ids count
	cimTimeShift = 22            // lowest bits of a message id, which are not time
)

// DialCIM connects to the Redis of CIM. It uses only those fields of cfg that concern
// the connection. The caller closes the CIM.
func DialCIM(ctx context.Context, cfg Config) (*CIM, error) {
	cfg = cfg.withDefaults()
	db, err := op.Open(cfg.db())
	if err != nil {
		return nil, err
	}
	s := newStore(cfg, db)
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &CIM{s}, nil
}

// Close closes all connections.
func (c *CIM) Close() error { return c.store.Close() }

// Users returns the ids of all accounts in ascending order.
func (c *CIM) Users(ctx context.Context) ([]int64, error) { return c.ids(ctx, cimAccounts) }

// Receivers returns the ids of users for whom messages wait, in ascending order.
func (c *CIM) Receivers(ctx context.Context) ([]int64, error) { return c.ids(ctx, cimWaiting) }

func (c *CIM) ids(ctx context.Context, prefix string) ([]int64, error) {
	return c.store.idsOf(ctx, prefix+"*", func(key string) (int64, bool) { return idIn(key, prefix, "") })
}

// CIMAccount is an account of CIM. If it has no name, it does not exist.
type CIMAccount struct {
	Account
	Owner int64 // the user whom CIM finds by the name; zero: none
}

// Accounts returns the accounts of the given users, in the same order.
func (c *CIM) Accounts(ctx context.Context, users []int64) ([]CIMAccount, error) {
	keys := make([]string, len(users))
	for i, user := range users {
		keys[i] = cimAccounts + strconv.FormatInt(user, 10)
	}
	names, err := c.values(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("accounts of CIM: %w", err)
	}
	var named []string
	for _, name := range names {
		if name != "" {
			named = append(named, name)
		}
	}
	owners, err := c.values(ctx, named)
	if err != nil {
		return nil, fmt.Errorf("names of CIM: %w", err)
	}
	list := make([]CIMAccount, len(users))
	for i, name := range names {
		list[i].User = users[i]
		if name != "" {
			list[i].Name = name
			list[i].Owner, _ = idIn(owners[0], cimAccounts, "")
			owners = owners[1:]
		}
	}
	return list, nil
}

// values reads string keys. For a key that does not exist, or holds no string, it
// returns an empty string.
func (c *CIM) values(ctx context.Context, keys []string) ([]string, error) {
	values := make([]string, 0, len(keys))
	for chunk := range slices.Chunk(keys, op.MaxPipeline) {
		read, errs := c.store.Values(ctx, chunk)
		for i, err := range errs {
			if err != nil && !errors.Is(err, ErrNoUser) && !wrongType(err) {
				return nil, err
			}
			values = append(values, read[i])
		}
	}
	return values, nil
}

// wrongType reports whether err is the server's answer that a key has another type.
func wrongType(err error) bool {
	return servers.Answered(err) && strings.Contains(err.Error(), "WRONGTYPE ")
}

// Waiting returns, for each of users, the ids of messages that wait for that user. In
// the list of each user it begins at the index that from gives, and returns at most
// limit ids per user. Meanwhile CIM may remove delivered messages from the beginning of
// a list.
func (c *CIM) Waiting(ctx context.Context, users []int64, from, limit int) ([][]string, error) {
	lists := make([][]string, 0, len(users))
	for chunk := range slices.Chunk(users, op.MaxPipeline) {
		ops := make([]*op.Op, len(chunk))
		for i, user := range chunk {
			key := cimWaiting + strconv.FormatInt(user, 10)
			ops[i] = op.Read(key, []any{"lrange", key, from, from + limit - 1})
		}
		c.store.Run(ctx, "pull", ops...)
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

// CIMMessage is a message that waits in CIM. If it cannot be read, Err is ErrGone or
// ErrUnreadable. Its Time is the time that is part of its id in CIM.
type CIMMessage struct {
	Err error
	Message
}

// Messages returns the messages with the given ids in CIM. The ID of a Message is made
// of its id in CIM, so it is the same in every call.
func (c *CIM) Messages(ctx context.Context, ids []string) ([]CIMMessage, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = cimMessages + id
	}
	values, err := c.values(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("messages of CIM: %w", err)
	}
	list := make([]CIMMessage, len(ids))
	for i, value := range values {
		if list[i].Err = ErrGone; value != "" {
			list[i].Message, list[i].Err = parseCIMMessage(ids[i], value)
		}
	}
	return list, nil
}

// parseCIMMessage parses a message as CIM stores it. CIM's serializer puts the JSON
// into a JSON string.
func parseCIMMessage(id, value string) (m Message, err error) {
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
	return Message{
		From: from, FromName: had.Properties["sendUserName"], ID: "cim-" + strconv.FormatInt(number, 10),
		To: had.Receiver, Text: *had.Content, Time: cimTime(number, had.Created),
	}, nil
}

// cimTime returns when a message was stored in CIM, in ms since 1970. It takes the time
// from the message's id. If the id has none, it takes the time in the text created,
// which has no time zone. It returns 0 if that fails, too.
func cimTime(id int64, created json.RawMessage) int64 {
	if ms := id>>cimTimeShift + cimEpoch; id>>cimTimeShift > 0 && ms < time.Now().Add(24*time.Hour).UnixMilli() {
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
