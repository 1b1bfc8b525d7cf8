import pytest

from dialnexa.kit import templates
from dialnexa.kit.templates import Rendered, TemplateError, render


def test_fills_in_the_variables_of_the_seed() -> None:
    prompt = "You are calling {{customer_name}} about their appointment on {{appointment_date}}."
    values = {"customer_name": "Alex Rivera", "appointment_date": "June 3rd at 2 PM", "account_id": "acct_7842"}
    assert render(prompt, values).text == "You are calling Alex Rivera about their appointment on June 3rd at 2 PM."


def test_names_are_case_sensitive() -> None:
    assert render("{{Customer_Name}}", {"customer_name": "Alex"}) == Rendered("", ("Customer_Name",))


@pytest.mark.parametrize(
    ("template", "spoken"),
    [
        ("Hello {{name}} how are you?", "Hello how are you?"),
        ("Hello {{name}}, how are you?", "Hello, how are you?"),
        ("Hello {{first}} {{last}}!", "Hello!"),
        ("Hello {{first}} {{last}} there", "Hello there"),
        ("{{name}} hello", "hello"),
        ("Hello {{name}}", "Hello"),
        ("Line\n{{name}} next", "Line\nnext"),
    ],
)
def test_a_missing_value_leaves_no_braces_and_no_doubled_space(template: str, spoken: str) -> None:
    assert render(template, {}).text == spoken


def test_an_empty_value_is_a_value_but_leaves_no_hole() -> None:
    assert render("Hi {{name}} there", {"name": ""}) == Rendered("Hi there", ())


def test_the_call_beats_the_version_which_beats_the_inline_default() -> None:
    template = '{{name | default: "friend"}}'
    assert render(template, {"name": "Ana"}, {"name": "Ben"}).text == "Ana"
    assert render(template, {}, {"name": "Ben"}).text == "Ben"
    assert render(template, {}) == Rendered("friend", ())
    assert render(template, {"name": None}, {}).text == "friend"


def test_values_are_data_and_never_rendered_again() -> None:
    values = {"name": "{{secret}} {{{x}}}", "secret": "leaked"}
    assert render("Hi {{name}}", values).text == "Hi {{secret}} {{{x}}}"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{customer.name}}", "Ana"),
        ("{{ customer.orders[1].total }}", "12.5"),
        ("{{tags[0]}}", "vip"),
        ("{{customer.vip}}", "true"),
        ("{{count}}", "3"),
        ("{{customer.orders[0]}}", '{"total": 3}'),
        ("{{tags[7]}}", ""),
        ("{{customer.name.first}}", ""),
        ("{{First Name}}", "Zoë"),
        ("{{a.b}}", "a column may be called like a path"),
        ("{{{count}}}", "3"),
        ("{{! a note to colleagues }}x", "x"),
    ],
)
def test_paths_and_kinds_of_values(template: str, text: str) -> None:
    values = {
        "customer": {"name": "Ana", "vip": True, "orders": [{"total": 3}, {"total": 12.5}]},
        "tags": ["vip"],
        "count": 3,
        "First Name": "Zoë",
        "a.b": "a column may be called like a path",
    }
    assert render(template, values).text == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{name | upcase}}", "ANA MARIA"),
        ("{{name | truncate: 3}}", "Ana"),
        ("{{name|truncate:3|upcase}}", "ANA"),
        ("{{none | default: 'you all' | upcase}}", "YOU ALL"),
        ("{{none | default: 7}}", "7"),
    ],
)
def test_filters(template: str, text: str) -> None:
    assert render(template, {"name": "Ana Maria"}).text == text


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("Hello {{name", '"{{" at character 7 is never closed'),
        ("Hello name}}", '"}}" at character 11 closes nothing'),
        ("{{}}", "names no variable"),
        ("{{#if x}}a{{/if}}", "Handlebars block"),
        ("{{name | shout}}", 'unknown filter "shout"'),
        ("{{name | default}}", "needs a value"),
        ("{{name | truncate: lots}}", "needs a number"),
        ("{{a..b}}", "is not a variable"),
        ('{{a | default: "x}}', "needs a value"),
    ],
)
def test_a_malformed_template_says_where_and_how_to_mend_it(template: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint.replace("{", "\\{").replace("}", "\\}").replace("(", "\\(")):
        templates.check(template)


def test_names_lists_each_variable_once() -> None:
    assert templates.names("{{a}} {{b.c}} {{a}} {{d[0] | upcase}}") == ("a", "b", "d")


def test_built_ins() -> None:
    values = templates.built_ins(call_id="call_1", agent_id="agent_1", agent_name="Nina", caller_number="+15550100")
    assert render("{{agent_name}} {{caller_number}}", values).text == "Nina +15550100"
