// The steps `convert_csv_to_excel` and `convert_excel_to_csv`, behind SheetJS (Apache 2.0 licence, SheetJS LLC).
const books = module.exports;
// Numbers that Excel holds as they are written; what begins with 0 or is longer stays a text.
const plain_number = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;
const make = ({ make: rows, sheet_name, detect_numbers }) => {
    const cells = detect_numbers
        ? rows.map((row) => row.map((cell) => plain_number.test(cell) ? Number(cell) : cell)) : rows;
    const book = books.utils.book_new();
    books.utils.book_append_sheet(book, books.utils.aoa_to_sheet(cells, { dense: true }), sheet_name);
    return { base64: books.write(book, { bookType: 'xlsx', type: 'base64' }), row_count: rows.length };
};
const read = ({ read: base64, sheet_name, delimiter }) => {
    const book = books.read(base64, { type: 'base64' });
    const wanted = sheet_name || book.SheetNames[0];
    if (!book.SheetNames.includes(wanted)) {
        throw Object.assign(new Error(`Sheet "${wanted}" not found. Available sheets: ${book.SheetNames.join(', ')}`), { name: '' });
    }
    return { csv: books.utils.sheet_to_csv(book.Sheets[wanted], { FS: delimiter }), sheet_name: wanted,
        available_sheets: book.SheetNames };
};
export const code = async (i) => i.make ? make(i) : read(i);
