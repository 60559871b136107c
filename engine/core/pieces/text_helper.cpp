// The text helper piece. What works with regular expressions runs in the sandbox: their syntax is
// JavaScript's, and one that never ends costs the run its time and nobody else's.
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/step_scripts.hpp"

namespace sallyport::engine {
namespace {

Result<Json> concat(const Json& input, const PieceWorld&) {
    const auto texts = input_list(input, "texts");
    // Older exports spell it so.
    const bool older = !input["separator"].exists() && input["seperator"].exists();
    const auto separator = input_text_or(input, older ? "seperator" : "separator", "");
    if (!texts.ok()) {
        return texts.error();
    }
    std::string out;
    bool first = true;
    texts->each_element([&](const Json& text) {
        out += first ? "" : *separator;
        out += text.is_null() ? std::string() : value_text(text);
        first = false;
    });
    return Json::string(out);
}

Result<Json> split(const Json& input, const PieceWorld&) {
    const auto text = input_text(input, "text");
    const auto delimiter = input_text(input, "delimiter");
    if (!text.ok() || !delimiter.ok()) {
        return text.ok() ? delimiter.error() : text.error();
    }
    if (delimiter->empty()) {
        return input_error("delimiter", "Expected string, received: ");
    }
    Json parts = Json::array();
    std::string_view rest = *text;
    while (true) {
        const std::size_t at = rest.find(*delimiter);
        parts.append(Json::string(rest.substr(0, at)));
        if (at == std::string_view::npos) {
            return parts;
        }
        rest.remove_prefix(at + delimiter->size());
    }
}

Result<Json> default_value(const Json& input, const PieceWorld&) {
    const Json value = input["value"];
    const bool empty = !value.exists() || value.is_null() ||
                       (value.is_string() && value.text().empty()) ||
                       ((value.is_array() || value.is_object()) && value.size() == 0);
    const Json fallback = input["defaultString"];
    return !empty ? value : fallback.exists() ? fallback : Json::null();
}

// A text that became a list or an object on its way is meant as text.
constexpr std::string_view kFind = R"js(
const text = (v) => typeof v === 'string' ? v : v == null ? '' : JSON.stringify(v);
const flags = (i) => i.ignoreCase === true || i.ignoreCase === 'true' ? 'i' : '';
export const code = async (i) => text(i.text).match(new RegExp(text(i.expression), flags(i)));
)js";

constexpr std::string_view kFindAll = R"js(
const text = (v) => typeof v === 'string' ? v : v == null ? '' : JSON.stringify(v);
const flags = (i) => i.ignoreCase === true || i.ignoreCase === 'true' ? 'gi' : 'g';
export const code = async (i) =>
    [...text(i.text).matchAll(new RegExp(text(i.expression), flags(i)))].map((found) => found[0]);
)js";

constexpr std::string_view kReplace = R"js(
const text = (v) => typeof v === 'string' ? v : v == null ? '' : JSON.stringify(v);
export const code = async (i) => {
    const once = i.replaceOnlyFirst === true || i.replaceOnlyFirst === 'true';
    return text(i.text).replace(new RegExp(text(i.searchValue), once ? '' : 'g'), text(i.replaceValue));
};
)js";

constexpr std::string_view kSlugify = R"js(
const words = { '&': 'and', '%': 'percent', '$': 'dollar', '<': 'less', '>': 'greater', '|': 'or',
    'ß': 'ss', 'æ': 'ae', 'Æ': 'AE', 'ø': 'o', 'Ø': 'O', 'œ': 'oe', 'Œ': 'OE', 'đ': 'd', 'Đ': 'D',
    'ł': 'l', 'Ł': 'L', 'þ': 'th', 'Þ': 'TH', 'ð': 'd', '€': 'euro', '£': 'pound' };
export const code = async (i) => [...String(i.text ?? '')]
    .map((c) => words[c] ?? c).join('')
    .normalize('NFKD').replace(/[\u0300-\u036f]/g, '')
    .replace(/[^\w\s$*_+~.()'"!\-:@]+/g, '')
    .trim().replace(/\s+/g, '-').replace(/-+/g, '-');
)js";

constexpr std::string_view kStripHtml = R"js(
const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
const entity = (whole, name) => {
    if (name[0] !== '#') return named[name] ?? whole;
    const n = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return n > 0 && n <= 0x10ffff ? String.fromCodePoint(n) : whole;
};
export const code = async (i) => String(i.html ?? '')
    .replace(/<!--[^]*?-->/g, '')
    .replace(/<(script|style)\b[^>]*>[^]*?<\/\1\s*>/gi, '')
    .replace(/<\/?(p|div|br|li|tr|h[1-6]|ul|ol|table)\b[^>]*>/gi, '\n')
    .replace(/<\/?[a-z!][^>]*>/gi, '')
    .replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, entity)
    .replace(/[ \t]+/g, ' ').replace(/ ?\n ?/g, '\n').replace(/\n{2,}/g, '\n').trim();
)js";

// As wide as JavaScript counts characters.
constexpr std::string_view kTable = R"js(
const list_of = (given) => {
    let list = given;
    if (typeof given === 'string') {
        try { list = JSON.parse(given); } catch { list = null; }
    }
    if (!Array.isArray(list) || !list.every((row) => typeof row === 'object' && row !== null)) {
        throw new Error('Input must be an array of objects');
    }
    return list;
};
export const code = async (i) => {
    const list = list_of(i.data);
    if (list.length === 0) return '';
    const names = [...new Set(list.flatMap((row) => Object.keys(row)))];
    const rows = [names, ...list.map((row) => names.map((name) => String(row[name] ?? '')))];
    const widths = names.map((_, at) => rows.reduce((width, row) => Math.max(width, row[at].length), 0));
    const rule = '+' + widths.map((width) => '-'.repeat(width + 2)).join('+') + '+';
    const [head, ...body] = rows.map(
        (row) => '|' + row.map((cell, at) => ' ' + cell.padEnd(widths[at]) + ' ').join('|') + '|');
    return [rule, head, rule, ...body, rule].join('\n');
};
)js";

}  // namespace

const NativePiece kTextHelperNative = {R"json({
 "name":"@activepieces/piece-text-helper","version":"0.6.6","displayName":"Text Helper",
 "description":"Work with texts","categories":["CORE"],
 "actions":{
  "concat":{"displayName":"Concatenate","description":"Joins texts","props":{"texts":["ARRAY","Texts",true],"separator":["SHORT_TEXT","Separator",false]}},
  "replace":{"displayName":"Replace","description":"Replaces what an expression finds","props":{"text":["SHORT_TEXT","Text",true],"searchValue":["SHORT_TEXT","Search Value",true],"replaceValue":["SHORT_TEXT","Replace Value",false],"replaceOnlyFirst":["CHECKBOX","Replace Only First Match",false]}},
  "split":{"displayName":"Split","description":"A list of the parts between delimiters","props":{"text":["SHORT_TEXT","Text",true],"delimiter":["SHORT_TEXT","Delimiter",true]}},
  "find":{"displayName":"Find","description":"What an expression finds first, and its groups","props":{"text":["SHORT_TEXT","Text",true],"expression":["SHORT_TEXT","Expression",true],"ignoreCase":["CHECKBOX","Ignore Case",false,{"defaultValue":false}]}},
  "find_all":{"displayName":"Find All","description":"All that an expression finds","props":{"text":["SHORT_TEXT","Text",true],"expression":["SHORT_TEXT","Expression",true],"ignoreCase":["CHECKBOX","Ignore Case",false,{"defaultValue":false}]}},
  "slugify":{"displayName":"Slugify","description":"A text for addresses","props":{"text":["SHORT_TEXT","Text",true]}},
  "markdown_to_html":{"displayName":"Markdown to HTML","description":"A page of Markdown","props":{
   "markdown":["LONG_TEXT","Markdown Content",true],
   "flavor":["STATIC_DROPDOWN","Flavor of Markdown",true,{"options":[["Default","vanilla"],["Original","original"],["GitHub","github"]],"defaultValue":"github"}],
   "headerLevelStart":["NUMBER","Minimum Header Level",true,{"defaultValue":1}],
   "tables":["CHECKBOX","Support Tables",true,{"defaultValue":true}],
   "noHeaderId":["CHECKBOX","No Header ID",true,{"defaultValue":false}],
   "simpleLineBreaks":["CHECKBOX","Simple Line Breaks",true,{"defaultValue":false}],
   "openLinksInNewWindow":["CHECKBOX","Open Links in New Window",true,{"defaultValue":false}]}},
  "html_to_markdown":{"displayName":"HTML to Markdown","description":"Markdown of a page","props":{
   "html":["LONG_TEXT","HTML Content",true],"gfm":["CHECKBOX","GitHub Flavored Markdown",false,{"defaultValue":true}]}},
  "extract_from_html":{"displayName":"Extract from HTML","description":"Extract specific elements or data from an HTML document.","props":{
   "html":["LONG_TEXT","HTML Content",true,{"description":"The raw HTML string to extract data from."}],
   "target":["STATIC_DROPDOWN","Extraction Target",true,{"description":"What do you want to extract from the page?","options":[["Page Title","title"],["All Links (<a> elements)","links"],["All Images","images"],["Main Headings (H1, H2, H3)","headings"],["Paragraphs / Text Blocks","paragraphs"],["Custom CSS Selector (Advanced)","custom"]],"defaultValue":"title"}],
   "selector":["SHORT_TEXT","Custom CSS Selector",false,{"description":"ONLY required if \"Extraction Target\" is set to \"Custom CSS Selector\". (e.g., .price, #main-title)"}],
   "extractionType":["STATIC_DROPDOWN","Extraction Type",true,{"description":"What part of the element do you want to extract?","options":[["Text Content (Clean Text)","textContent"],["Inner HTML","innerHtml"],["Outer HTML","outerHtml"],["Attribute (e.g., href, src)","attribute"]],"defaultValue":"textContent"}],
   "attributeName":["SHORT_TEXT","Attribute Name",false,{"description":"ONLY required if \"Extraction Type\" is set to \"Attribute\". (e.g., href, src, data-id)"}],
   "returnMultiple":["CHECKBOX","Return Multiple Elements",true,{"description":"If checked, returns a list of all matching elements. If unchecked, returns only the first match.","defaultValue":false}]}},
  "stripHtml":{"displayName":"Remove HTML Tags","description":"The text of a page","props":{"html":["LONG_TEXT","HTML content",true]}},
  "defaultValue":{"displayName":"Default Value","description":"A value, or another when it is empty","props":{"value":["SHORT_TEXT","Value",false],"defaultString":["SHORT_TEXT","Default Value",true]}},
  "json_to_ascii_table":{"displayName":"List to Text Table","description":"A table in letters","props":{"data":["JSON","List",true]}}},
 "triggers":{}
})json",
                                       {{"concat", concat},
                                        {"split", split},
                                        {"defaultValue", default_value},
                                        {"find", nullptr, kFind},
                                        {"find_all", nullptr, kFindAll},
                                        {"replace", nullptr, kReplace},
                                        {"slugify", nullptr, kSlugify},
                                        {"stripHtml", nullptr, kStripHtml},
                                        {"markdown_to_html", nullptr, kMarkdownToHtmlScript},
                                        {"html_to_markdown", nullptr, kHtmlToMarkdownScript},
                                        {"extract_from_html", nullptr, kExtractFromHtmlScript},
                                        {"json_to_ascii_table", nullptr, kTable}}};

}  // namespace sallyport::engine
