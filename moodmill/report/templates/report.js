"use strict";

for (const place of document.querySelectorAll(".chart")) {
  const figure = JSON.parse(document.getElementById(`figure-${place.dataset.figure}`).textContent);
  Plotly.newPlot(place, figure.data, figure.layout, {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage"]],
    toImageButtonOptions: { filename: `moodmill-${place.dataset.figure}`, scale: 2 },
  });
}

// The buttons have the order of the lines.
document.querySelectorAll(".picks button").forEach((button, line) => {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    Plotly.restyle(document.querySelector("[data-figure=time]"), { visible: shown }, [line]);
  });
});
