package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/beckon-p2p/beckon/protocol"
)

// checkJSON reports what makes body unfit to be read as one flat JSON object:
// what readers of JSON understand differently is an error here. canonical
// returns the same object with its fields in order and without spaces.
func checkJSON(body []byte) (canonical func() []byte, bad *protocol.Error) {
	if !utf8.Valid(body) {
		return nil, protocol.Invalid("", "", "the body is not UTF-8; encode its text as UTF-8")
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, protocol.Invalid("", "", "the body is broken JSON at byte %d", syntax.Offset)
		}
		return nil, protocol.Invalid("", "", "the body must be a JSON object, like {}")
	}
	if raw == nil {
		return nil, protocol.Invalid("", "", "the body must be a JSON object, like {}")
	}
	if bad := checkFields(body); bad != nil {
		return nil, bad
	}
	return func() []byte {
		b, _ := json.Marshal(normal(raw))
		return b
	}, nil
}

// checkFields reports the first field, in the order of body, that is given
// twice or has a value that no field takes. body is a JSON object.
func checkFields(body []byte) *protocol.Error {
	broken := protocol.Invalid("", "", "the body is broken JSON")
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return broken
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return broken
		}
		if seen[name] {
			return protocol.Invalid(clip(name), "", "%s is given twice", clip(name))
		}
		seen[name] = true
		if bad := checkValue(clip(name), value); bad != nil {
			return bad
		}
	}
	return nil
}

// addresses is the one field, and query key, that is a list.
const addresses = "addresses"

// checkTexts reports a list of anything but text.
func checkTexts(name string, list json.RawMessage) *protocol.Error {
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return protocol.Invalid(name, "", "%s must be a list of strings", name)
	}
	for _, item := range items {
		if item[0] != '"' || loneSurrogate(item) {
			return protocol.Invalid(name, "", "%s must be a list of strings", name)
		}
	}
	return nil
}

// checkValue reports a value that no field takes.
func checkValue(name string, value json.RawMessage) *protocol.Error {
	switch value[0] {
	case 'n':
		return protocol.Invalid(name, "", "%s is null; leave the field out instead", name)
	case '[':
		if name == addresses {
			return checkTexts(name, value)
		}
		fallthrough
	case '{':
		return protocol.Invalid(name, "", "%s must be a string, a number or a boolean", name)
	case '"':
		if loneSurrogate(value) {
			return protocol.Invalid(name, "", "%s has half of a surrogate pair; it is not text", name)
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if bytes.ContainsAny(value, ".eE") {
			return protocol.Invalid(name, "a whole number", "%s must be a whole number, written without point and exponent", name)
		}
	}
	return nil
}

// loneSurrogate reports whether a JSON string escapes half of a surrogate
// pair, which a decoder would silently replace.
func loneSurrogate(s []byte) bool {
	for i := 0; i < len(s)-1; i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		unit := escaped(s, i)
		switch {
		case unit < 0xd800 || unit > 0xdfff:
		case unit <= 0xdbff && i+6 < len(s) && s[i+5] == '\\':
			if low := escaped(s, i+6); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 10
		default:
			return true
		}
	}
	return false
}

// escaped returns the unit that \uXXXX means, where s[i] is the u, or 0.
func escaped(s []byte, i int) uint64 {
	if i+5 > len(s) || s[i] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(s[i+1:i+5]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}

// normal spells each value in one way.
func normal(raw map[string]json.RawMessage) map[string]any {
	out := make(map[string]any, len(raw))
	for name, value := range raw {
		var text string
		if json.Unmarshal(value, &text) == nil {
			out[name] = text
		} else {
			out[name] = json.RawMessage(strings.TrimSpace(string(value)))
		}
	}
	return out
}
