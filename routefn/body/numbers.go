package body

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/cim-go/cim/proto"
)

// checkNumbers refuses a decoded body with a number beyond proto.MaxNumber. It looks into
// structs, slices and pointers, but skips types that have a decoder of their own.
func checkNumbers(q any) error {
	if field, found := beyond(reflect.ValueOf(q).Elem(), ""); found {
		return proto.Err(proto.Invalid, "The field "+field+" is beyond 9007199254740991.")
	}
	return nil
}

var decodesItself = reflect.TypeFor[json.Unmarshaler]()

// beyond returns the first field of v with too large a number, by its path in JSON.
func beyond(v reflect.Value, path string) (field string, found bool) {
	if reflect.PointerTo(v.Type()).Implements(decodesItself) {
		return "", false
	}
	switch v.Kind() {
	case reflect.Int64, reflect.Int:
		return path, !proto.ExactNumber(v.Int())
	case reflect.Uint64, reflect.Uint:
		return path, v.Uint() > uint64(proto.MaxNumber)
	case reflect.Pointer:
		if v.IsNil() {
			return "", false
		}
		return beyond(v.Elem(), path)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 || v.Type().Elem().Kind() == reflect.String {
			return "", false
		}
		for i := range v.Len() {
			if field, found := beyond(v.Index(i), path); found {
				return field, true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field, found := beyond(v.Field(i), joined(path, v.Type().Field(i))); found {
				return field, true
			}
		}
	}
	return "", false
}

func joined(path string, f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		name = f.Name
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
