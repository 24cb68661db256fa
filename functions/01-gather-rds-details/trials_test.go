package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/rdslink/rdslink/internal/outcome"
)

// A trial's field stands in an input in which it is allowed, with a value that is taken.
type trial struct {
	base  string // the other fields
	value string // JSON
	list  bool
}

const (
	byPreset = `"database":"orders-prod","vendor":"pushmetrics"`
	byName   = `"database":"orders-prod","name":"acme","principals":["444455556666"]`
	byAsking = `"database":"orders-prod","vendor":"tidb-cloud","vendorAccount":"444455556666","vendorAvailabilityZoneIds":["euc1-az1"]`
	byRegion = `"database":"orders-prod","vendor":"databricks"`
)

var trials = map[string]trial{
	"database":                  {byPreset, `"orders-prod"`, false},
	"databases":                 {`"name":"acme","principals":["444455556666"]`, `[{"database":"orders-prod"}]`, false},
	"vendor":                    {byPreset, `"pushmetrics"`, false},
	"name":                      {byName, `"acme"`, false},
	"principals":                {byName, `["444455556666"]`, true},
	"vendorAccount":             {byAsking, `"444455556666"`, false},
	"vendorAvailabilityZoneIds": {byAsking, `["euc1-az1"]`, true},
	"vendorRegion":              {byRegion, `"eu-west-1"`, false},
	"endpoint":                  {byPreset, `"writer"`, false},
	"listenerPort":              {byPreset, `5432`, false},
	"acceptance":                {byPreset, `{"mode":"manual"}`, false},
	"acceptance.mode":           {byPreset, `"manual"`, false},
	"acceptance.maxConnections": {byPreset, `1`, false},
	"acceptance.timeoutDays":    {byPreset, `14`, false},
	"removed":                   {byPreset, `"reject"`, false},
	"supportedRegions":          {byPreset, `["eu-west-1"]`, true},
	"privateDnsName":            {byPreset, `"db.example.com"`, false},
	"ingress":                   {byPreset, `"subnets"`, false},
	"resolver":                  {byPreset, `"vpc"`, false},
	"autoPause":                 {byPreset, `"keep"`, false},
	"flowLogs":                  {byPreset, `true`, false},
	"notify":                    {byPreset, `["dba@example.com"]`, true},
	"requestedBy":               {byPreset, `"olga"`, false},
}

// input is the trial's input with that value in the field's place; none leaves the field out.
func (r trial) input(t *testing.T, field, value string) string {
	t.Helper()
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte("{"+r.base+"}"), &all); err != nil {
		t.Fatal(err)
	}
	outer, inner, nested := strings.Cut(field, ".")
	delete(all, outer)
	switch {
	case value != "" && nested:
		all[outer] = json.RawMessage(`{"` + inner + `":` + value + `}`)
	case value != "":
		all[outer] = json.RawMessage(value)
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text.WriteString(`,"` + name + `":` + string(all[name]))
	}
	return "{" + strings.TrimPrefix(text.String(), ",") + "}"
}

// plainKinds are values that are the same for every field.
var plainKinds = map[string]string{
	"none": "", "null": `null`, "true": `true`, "an empty string": `""`, "an empty list": `[]`, "an empty object": `{}`,
	"zero": `0`, "a number below zero": `-1`, "a fraction": `1.5`, "a number with a fraction of zero": `7.0`, "a number with an exponent": `1e1`,
	"a number of twenty digits": `99999999999999999999`, "a number beyond all": `1e400`, "a number in a list": `[7]`,
	"a list in a list": `[["x"]]`, "null in a list": `[null]`, "an object in a list": `[{"x":1}]`, "an object with something": `{"x":1}`,
}

// texts are what people type instead of the text x.
var texts = map[string]func(x string) string{
	"as it is":                         func(x string) string { return x },
	"nothing but spaces":               func(string) string { return "   " },
	"with spaces around":               func(x string) string { return "  " + x + " " },
	"with a line break behind":         func(x string) string { return x + "\r\n" },
	"with a no-break space behind":     func(x string) string { return x + "\u00a0" },
	"with a zero-width space before":   func(x string) string { return "\u200b" + x },
	"with a byte order mark before":    func(x string) string { return "\ufeff" + x },
	"with NUL behind":                  func(x string) string { return x + "\x00" },
	"with a line break inside":         func(x string) string { return x[:2] + "\n" + x[2:] },
	"with a control character inside":  func(x string) string { return x[:2] + "\x1b[31m" + x[2:] },
	"with a right-to-left mark inside": func(x string) string { return x[:2] + "\u202e" + x[2:] },
	"with a zero-width space inside":   func(x string) string { return x[:2] + "\u200b" + x[2:] },
	"in capitals":                      strings.ToUpper,
	"in other letters that look alike": func(x string) string {
		return strings.NewReplacer("a", "а", "c", "с", "e", "е", "o", "о", "4", "٤").Replace(x)
	},
	"in full-width letters":              fullWidth,
	"an emoji":                           func(string) string { return "🐘" },
	"in quotes":                          func(x string) string { return "'" + x + "'" },
	"in quotation marks":                 func(x string) string { return `"` + x + `"` },
	"in a book's quotation marks":        func(x string) string { return "“" + x + "”" },
	"in brackets":                        func(x string) string { return `["` + x + `"]` },
	"in an object":                       func(x string) string { return `{"value":"` + x + `"}` },
	"with leading zeros":                 func(x string) string { return "00" + x },
	"twice, with a comma":                func(x string) string { return x + "," + x },
	"a letter short":                     func(x string) string { return x[:len(x)-1] },
	"4 KB of it":                         func(x string) string { return strings.Repeat(x, 4<<10/len(x)) },
	"a placeholder":                      func(string) string { return "<your value>" },
	"a variable":                         func(string) string { return "${VALUE}" },
	"a format":                           func(string) string { return "%s%d%!v" },
	"a star":                             func(string) string { return "*" },
	"markup":                             func(string) string { return "<script>alert(1)</script>" },
	"SQL":                                func(string) string { return "x'; DROP TABLE x;--" },
	"a path":                             func(string) string { return "../../etc/passwd" },
	"a number":                           func(string) string { return "5432" },
	"an account with hyphens":            func(string) string { return "4444-5555-6666" },
	"an account with a zero before":      func(string) string { return "012345678901" },
	"an address of IPv4":                 func(string) string { return "10.0.1.5" },
	"an address of IPv6, with a port":    func(string) string { return "[2001:db8::5]:5432" },
	"a name of one's own":                func(string) string { return "db.example.com" },
	"a name of one's own, with a port":   func(string) string { return "db.example.com:5432" },
	"an e-mail address":                  func(string) string { return "dba@example.com" },
	"an endpoint":                        func(string) string { return "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com" },
	"an endpoint with a port":            func(string) string { return "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com:5432" },
	"an endpoint in another account":     func(string) string { return "orders-prod.beef00.eu-central-1.rds.amazonaws.com" },
	"an endpoint in China":               func(string) string { return "orders-prod.c0ffee.rds.cn-north-1.amazonaws.com.cn" },
	"a page of the console":              func(string) string { return consoleOf("database:id=orders-prod;is-cluster=false") },
	"a page of the console of no one":    func(string) string { return consoleOf("databases:") },
	"the database's ARN":                 func(string) string { return arnStart + "db:orders-prod" },
	"an ARN in another region":           func(string) string { return "arn:aws:rds:us-east-1:111122223333:db:orders-prod" },
	"an ARN in another account":          func(string) string { return "arn:aws:rds:eu-central-1:999999999999:db:orders-prod" },
	"an ARN in another partition":        func(string) string { return "arn:aws-cn:rds:cn-north-1:111122223333:db:orders-prod" },
	"an ARN of a snapshot":               func(string) string { return arnStart + "snapshot:orders-prod" },
	"an ARN without an end":              func(string) string { return arnStart + "db:" },
	"an ARN of a role":                   func(string) string { return "arn:aws:iam::444455556666:role/loader" },
	"an ARN of a role with an at":        func(string) string { return "arn:aws:iam::444455556666:role/loader@example.com" },
	"an ARN of a role's session":         func(string) string { return "arn:aws:sts::444455556666:assumed-role/loader/x" },
	"an ARN of a role in another of the": func(string) string { return "arn:aws-us-gov:iam::444455556666:role/loader" },
	"a region":                           func(string) string { return "eu-west-1" },
	"a zone":                             func(string) string { return "eu-central-1a" },
	"a service":                          func(string) string { return "firehose.amazonaws.com" },
	"a secret: a URL": func(string) string {
		return "postgres://me:" + canary + "@orders-prod.c0ffee.eu-central-1.rds.amazonaws.com/db"
	},
	"a secret: a URL of another": func(string) string { return "postgres://me:" + canary + "@db.example.com:5432/db" },
	"a secret: a long one in a URL": func(string) string {
		return "postgres://me:" + strings.Repeat("x", 90) + canary + "@db.example.com:5432/db"
	},
	"a secret: JDBC":      func(string) string { return "jdbc:sqlserver://db;user=sa;password={" + canary + ";};encrypt=true" },
	"a secret: Oracle's":  func(string) string { return "me/" + canary + "@db:1521/ORCL" },
	"a secret: libpq's":   func(string) string { return "host=db user=me password='" + canary + " x'" },
	"a secret: .pgpass":   func(string) string { return "db:5432:orders:me:" + canary },
	"a secret: a command": func(string) string { return "mysql -h db -u me -p" + canary },
	"a secret: AWS's":     func(string) string { return "aws_secret_access_key=" + canary },
	"a secret: a token":   func(string) string { return "eyJhbGciOiJIUzI1NiJ9." + canary + ".x" },
	"a secret: a key":     func(string) string { return "-----BEGIN PRIVATE KEY-----\n" + canary },
	"a secret: JSON":      func(string) string { return `{"username":"me","password":"` + canary + `"}` },
}

// canary is what no answer repeats.
const canary = "s3cr3t-canary"

func consoleOf(page string) string {
	return "https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#" + page
}

func fullWidth(text string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 127 {
			return r + 0xfee0
		}
		return r
	}, text)
}

// taken are the trials whose answer is a plan; all others are refused.
var taken = map[string][]string{
	"database":  append(unseen(""), "the value", "in capitals", "the database's ARN", "an endpoint", "an endpoint with a port", "a page of the console", "a secret: a URL"),
	"databases": {"the value"},
	"vendor":    append(unseen(""), "the value"),
	"name": append(unseen(""), "the value", "with leading zeros", "a letter short", "a number", "a region", "a zone",
		"an account with a zero before", "an account with hyphens"),
	"principals": append(unseen("in a list: "), "the value", "in a list: in capitals", "in a list: an account with hyphens", "in a list: an account with a zero before",
		"in a list: an ARN of a role", "in a list: an ARN of a role with an at", "in a list: a service"),
	"vendorAccount":             append(unseen(""), "the value", "in capitals", "an account with hyphens", "an account with a zero before"),
	"vendorAvailabilityZoneIds": append(unseen("in a list: "), "the value", "twice in a list"),
	"vendorRegion":              append(unseen(""), "the value", "none", "a region"),
	"endpoint":                  append(unseen(""), "the value", "none"),
	"listenerPort":              {"the value", "none", "a number with a fraction of zero", "a number with an exponent"},
	"acceptance":                {"the value", "none", "an empty object"},
	"acceptance.mode":           append(unseen(""), "the value", "none"),
	"acceptance.maxConnections": {"the value", "none", "a number with a fraction of zero", "a number with an exponent"},
	"acceptance.timeoutDays":    {"the value", "none", "a number with a fraction of zero", "a number with an exponent"},
	"removed":                   append(unseen(""), "the value", "none"),
	"supportedRegions":          append(unseen("in a list: "), "the value", "none", "an empty list", "twice in a list", "in a list: a region"),
	"privateDnsName":            append(unseen(""), "the value", "none", "in capitals", "with leading zeros", "a letter short", "a name of one's own"),
	"ingress":                   append(unseen(""), "the value", "none"),
	"resolver":                  append(unseen(""), "the value", "none"),
	"autoPause":                 append(unseen(""), "the value", "none"),
	"flowLogs":                  {"the value", "none", "true"},
	"notify": append(unseen("in a list: "), "the value", "none", "an empty list", "twice in a list", "in a list: in capitals", "in a list: a letter short",
		"in a list: with leading zeros", "in a list: an e-mail address"),
	"requestedBy": append(everyTextBut("nothing but spaces", "with a line break inside", "with a control character inside", "with a right-to-left mark inside",
		"with a zero-width space inside", "4 KB of it", "a secret: a key"), "the value", "the value as a string", "none"),
}

func everyTextBut(those ...string) []string {
	return slices.DeleteFunc(slices.Collect(maps.Keys(texts)), func(kind string) bool { return slices.Contains(those, kind) })
}

// unseen are the trials in which a text has nothing around it but what is not seen.
func unseen(where string) (kinds []string) {
	for kind := range texts {
		if kind == "as it is" || strings.HasSuffix(kind, " behind") || strings.HasSuffix(kind, " before") && !strings.HasPrefix(kind, "an account") || strings.HasSuffix(kind, " around") {
			kinds = append(kinds, where+kind)
		}
	}
	return kinds
}

// Every field is given every kind of value. What the answer is, is in taken; and whatever it is, it is one that people can
// go by.
func TestEveryFieldAnswersEveryKindOfValue(t *testing.T) {
	logged := &bytes.Buffer{}
	former := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(logged, nil)))
	t.Cleanup(func() { slog.SetDefault(former) })
	var fields []string
	for _, field := range documentedFields(t) {
		fields = append(fields, field.name)
	}
	if tried := slices.Collect(maps.Keys(trials)); !slices.Contains(fields, "database") || len(tried) != len(fields)+1 { // acceptance is one, too
		t.Errorf("tried are %v, of %v", tried, fields)
	}
	count := 0
	for _, field := range slices.Sorted(maps.Keys(trials)) {
		var accepted []string
		for kind, value := range trials[field].kinds(t) {
			count++
			input := trials[field].input(t, field, value)
			if answer(t, field+", "+kind, input) == nil {
				accepted = append(accepted, kind)
			}
		}
		slices.Sort(accepted)
		want := slices.Sorted(slices.Values(taken[field]))
		if !slices.Equal(accepted, want) {
			t.Errorf("%s is taken as\n%q, want\n%q", field, accepted, want)
		}
	}
	if count < 1000 {
		t.Errorf("%d trials only", count)
	}
	if strings.Contains(logged.String(), canary) {
		t.Errorf("the log repeats a secret: %s", logged)
	}
}

// kinds are all values that the field is tried with, as JSON.
func (r trial) kinds(t *testing.T) map[string]string {
	t.Helper()
	all := maps.Clone(plainKinds)
	text := strings.Trim(r.value, `[]"{}`)
	for kind, typed := range texts {
		value, err := json.Marshal(typed(text + strings.Repeat("x", max(0, 2-len(text)))))
		if err != nil {
			t.Fatal(err)
		}
		all[kind] = string(value)
		all["in a list: "+kind] = "[" + string(value) + "]"
		if kind == "as it is" {
			all["twice in a list"] = "[" + string(value) + "," + string(value) + "]"
		}
	}
	all["the value"], all["the value in a list"] = r.value, "["+r.value+"]"
	quoted, err := json.Marshal(r.value)
	if err != nil {
		t.Fatal(err)
	}
	all["the value as a string"] = string(quoted)
	return all
}

// answer is the error that an input comes to; whatever it is, people can go by it.
func answer(t testing.TB, what, input string) error {
	t.Helper()
	fake := newFake()
	if strings.Contains(input, "tidb-cloud") {
		engine("mysql")(fake)
	}
	plan, err := fake.step().run(t.Context(), Input{Execution: ourExecution, Input: json.RawMessage(input)})
	if claimed := len(fake.claimed) > 0; claimed != (err == nil) {
		t.Errorf("%s: claimed %+v, error = %v", what, fake.claimed, err)
	}
	if err == nil {
		kept, encodeErr := json.Marshal([]any{plan, fake.claimed})
		if encodeErr != nil || bytes.Contains(kept, []byte(canary)) {
			t.Errorf("%s: the plan repeats a secret: %s, %v", what, kept, encodeErr)
		}
		return nil
	}
	message := outcome.Message(err)
	switch {
	case outcome.Name(err) != outcome.NameBadInput:
		t.Errorf("%s: %s: %s", what, outcome.Name(err), message)
	case strings.Contains(err.Error(), canary) || strings.Contains(message, canary):
		t.Errorf("%s: the message repeats a secret: %s", what, message)
	case len(message) > 1000:
		t.Errorf("%s: the message has %d characters", what, len(message))
	case strings.ContainsFunc(message, func(r rune) bool { return !unicode.IsPrint(r) }):
		t.Errorf("%s: the message has what nobody sees: %q", what, message)
	case !namesAField(message):
		t.Errorf("%s: the message names no field: %s", what, message)
	}
	return err
}

// namesAField tells a message that says where in the input to look.
func namesAField(message string) bool {
	return strings.HasPrefix(message, "the input ") ||
		slices.ContainsFunc(requestFields, func(field string) bool { return strings.Contains(message, field) })
}

// A field whose name is written in another way, or that stands where it does not belong, is answered with its name.
func TestEveryFieldIsFoundUnderTheNamesThatPeopleGiveIt(t *testing.T) {
	for _, field := range slices.Concat(requestFields, acceptanceFields) {
		for _, typed := range []string{
			strings.ToUpper(field), strings.ToUpper(field[:1]) + field[1:], snake(field, "_"), snake(field, "-"), field + "s", field[:len(field)-1], field[1:], " " + field, field + ":",
			field[:1] + field[2:3] + field[1:2] + field[3:],
		} {
			if typed == field || slices.Contains(requestFields, typed) {
				continue
			}
			_, err := run(t, newFake(), option(`"`+typed+`":1`))
			if err == nil || !strings.Contains(err.Error(), "did you mean") || !strings.Contains(err.Error(), field+`"?`) {
				t.Errorf("%s for %s: %v", typed, field, err)
			}
		}
	}
	for _, field := range requestFields {
		if _, err := run(t, newFake(), option(`"acceptance":{"`+field+`":1}`)); err == nil || !strings.Contains(err.Error(), "beside acceptance") {
			t.Errorf("%s within acceptance: %v", field, err)
		}
	}
}

// snake is a name with its words joined by another sign.
func snake(name, by string) string {
	var text strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			text.WriteString(by)
		}
		text.WriteRune(unicode.ToLower(r))
	}
	if !strings.Contains(text.String(), by) {
		return by + text.String()
	}
	return text.String()
}

// The whole input in other shapes, as it is pasted from elsewhere.
func TestTheInputInOtherShapes(t *testing.T) {
	for _, row := range []struct{ what, input, says string }{
		{"in a string", `"{\"database\":\"orders-prod\",\"vendor\":\"pushmetrics\"}"`, "leave the quotation marks around it out"},
		{"in a list", `[{"database":"orders-prod","vendor":"pushmetrics"}]`, "must be an object"},
		{"in another object", `{"input":{"database":"orders-prod","vendor":"pushmetrics"}}`, `no field "input"`},
		{"acceptance in a string", option(`"acceptance":"{\"mode\":\"manual\"}"`), "leave the quotation marks around it out"},
		{"a port in a string", option(`"listenerPort":"5432"`), "leave the quotation marks around it out"},
		{"a list in a string", principalsInput(`"[\"444455556666\"]"`), "leave the quotation marks around it out"},
		{"YAML", "database: orders-prod\nvendor: pushmetrics", "must be valid JSON"},
		{"with a comma at the end", `{"database":"orders-prod","vendor":"pushmetrics",}`, "must be valid JSON"},
		{"in quotes", `{'database':'orders-prod'}`, "must be valid JSON"},
		{"with a comment", usual + " // mine", "must be valid JSON"},
		{"twice", usual + usual, "must be valid JSON"},
		{"a secret in a string", `"postgres://me:` + canary + `@db/x"`, "must be an object"},
		{"a secret as the name of a field", `{"postgres://me:` + canary + `@db/x":1}`, "the fields are database"},
		{"a secret in an unknown field", option(`"password":"` + canary + `"`), `no field "password"`},
	} {
		if err := answer(t, row.what, row.input); err == nil || !strings.Contains(outcome.Message(err), row.says) {
			t.Errorf("%s: %v, want %q", row.what, err, row.says)
		}
	}
}
