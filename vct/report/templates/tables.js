"use strict";
// Tables sort by a click on a heading and filter by words and by verdict.
const plain = (text) => ` ${text.toLowerCase().replace(/[\s,:;()[\]]+/g, " ")} `;

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  const key = (row, column) => {
    const cell = row.cells[column];
    return heads[column].classList.contains("r") ? cell.dataset.v : cell.textContent;
  };
  const compare = (column, numeric, sign) => (one, other) => {
    const a = key(one, column), b = key(other, column);
    if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);  // none stays last
    return sign * (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };
  heads.forEach((head, column) => {
    // No <button>: Chromium does not repeat a heading that holds one on every sheet.
    const button = document.createElement("span");
    button.setAttribute("role", "button");
    button.tabIndex = 0;
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numeric = head.classList.contains("r");
      body.append(...rows.slice().sort(compare(column, numeric, up ? 1 : -1)));
    });
  });

  const tools = document.createElement("div");
  tools.className = "tools";
  const label = document.createElement("label");
  const words = document.createElement("input");
  words.type = "search";
  label.append("Filter ", words);
  tools.append(label);
  const verdicts = table.dataset.verdicts ? table.dataset.verdicts.split(" ") : [];
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", "Verdict");
  for (const name of ["any verdict", ...verdicts]) choice.add(new Option(name));
  if (verdicts.length > 1) tools.append(choice);
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  tools.append(said);
  table.parentElement.before(tools);

  const show = () => {
    const wanted = plain(words.value).split(" ").filter(Boolean);
    const verdict = choice.selectedIndex > 0 ? choice.value : "";
    let n = 0;
    for (const row of rows) {
      const text = plain([...row.cells].map((cell) => cell.textContent).join(" "));
      const fits = wanted.every((word) => text.includes(` ${word}`))
        && (!verdict || row.dataset.verdict === verdict);
      row.hidden = !fits;
      n += fits;
    }
    said.textContent = `${n} of ${rows.length} rows`;
  };
  words.addEventListener("input", show);
  choice.addEventListener("change", show);
  show();
}
