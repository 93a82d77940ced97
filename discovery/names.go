package discovery

// Names returns the words of the sources that a search asks, in order.
func (f *Finder) Names() []string {
	var names []string
	for _, s := range f.sources {
		names = append(names, s.Name())
	}
	return names
}
