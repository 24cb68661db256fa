package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// node is a request's parameter: what forms, JSON, XML and query strings have in common.
type node struct {
	kind  kind
	name  string // of an element of XML
	text  string
	kids  map[string]*node
	items []*node
}

// kind is the JSON type of a value. The values of a form, and of XML, have none: the shape decides.
type kind string

const (
	untyped kind = ""
	object  kind = "structure"
	array   kind = "list"
	text    kind = "string"
	number  kind = "number"
	boolean kind = "boolean"
)

func formNode(form url.Values) *node {
	root := &node{}
	for name, values := range form {
		if name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		at := root
		for _, part := range strings.Split(name, ".") {
			if at.kids == nil {
				at.kids = map[string]*node{}
			}
			if at.kids[part] == nil {
				at.kids[part] = &node{}
			}
			at = at.kids[part]
		}
		at.text = values[0]
	}
	return root
}

func jsonNode(body []byte) (*node, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return &node{kind: object, kids: map[string]*node{}}, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return &node{}, Errorf("SerializationException", "The request body is not a JSON object: %v", err)
	}
	return typed(v), nil
}

// typed is v, a decoded JSON value, as a node; null is no value.
func typed(v any) *node {
	switch v := v.(type) {
	case map[string]any:
		n := &node{kind: object, kids: map[string]*node{}}
		for name, kid := range v {
			if kid != nil {
				n.kids[name] = typed(kid)
			}
		}
		return n
	case []any:
		n := &node{kind: array}
		for _, item := range v {
			n.items = append(n.items, typed(item))
		}
		return n
	case string:
		return &node{kind: text, text: v}
	case bool:
		return &node{kind: boolean, text: strconv.FormatBool(v)}
	case json.Number:
		return &node{kind: number, text: v.String()}
	}
	return &node{}
}

// xmlNode is a document, whose root may have any name; without one there are no parameters.
func xmlNode(body []byte) (*node, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return &node{kids: map[string]*node{}}, nil
	}
	var root element
	if err := xml.Unmarshal(body, &root); err != nil {
		return &node{}, Errorf("MalformedInput", "The request body is not an XML document: %v", err)
	}
	return root.node(), nil
}

// element is an element of XML with all that is in it.
type element struct {
	XMLName xml.Name
	Text    string    `xml:",chardata"`
	Kids    []element `xml:",any"`
}

func (e element) node() *node {
	n := &node{name: e.XMLName.Local, text: e.Text, kids: map[string]*node{}}
	for _, kid := range e.Kids {
		k := kid.node()
		n.kids[k.name] = k
		n.items = append(n.items, k)
	}
	return n
}

// list returns the elements of a list; element is what the query protocol, and XML, call one. A stray name is returned as it
// is.
func (n *node) list(protocol, element string) (items []*node, stray string) {
	if protocol == "rest-xml" {
		for _, item := range n.items {
			if item.name != element {
				return nil, item.name
			}
		}
		return n.items, ""
	}
	if n.kids == nil {
		return n.items, ""
	}
	numbered := n.kids
	if protocol == "query" {
		// Clients differ: some write the model's name of an element, some always "member".
		for name, kid := range n.kids {
			if name != element && name != "member" {
				return nil, name
			}
			numbered = kid.kids
		}
	}
	var order []int
	for name := range numbered {
		i, err := strconv.Atoi(name)
		if err != nil {
			return nil, name
		}
		order = append(order, i)
	}
	slices.Sort(order)
	for _, i := range order {
		items = append(items, numbered[strconv.Itoa(i)])
	}
	return items, ""
}
