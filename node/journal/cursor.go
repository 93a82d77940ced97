package journal

import "slices"

// Cursor returns the cursor of a sequence number in the present epoch.
func (j *Journal) Cursor(seq int64) string { return j.cursor(seq) }

// Has reports whether the filter chooses an app's events.
func (f Filter) Has(app string) bool { return len(f.Apps) == 0 || slices.Contains(f.Apps, app) }
