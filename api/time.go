package api

import (
	"encoding/json"
	"time"
)

// timeLayout is RFC 3339 with exactly three decimals.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Time is a moment by this machine's clock, for people. In JSON it is RFC 3339
// in UTC with three decimals, and null when absent (the zero Time).
type Time struct{ time.Time }

// MarshalJSON writes the time, or null when it is zero.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, with any number of decimals.
func (t *Time) UnmarshalJSON(b []byte) error {
	var p *time.Time
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*t = Time{}
	if p != nil {
		t.Time = *p
	}
	return nil
}
